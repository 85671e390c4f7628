import { describe, expect, test } from "bun:test";
import { InProcessGateway } from "../../test/integration/in-process-gateway.ts";
import type { GatewayError } from "../errors/gateway-error.ts";
import type { ExchangeInit } from "../model/exchange.ts";
import { type Offer, tool } from "../model/ports/in-process-upstream.testing.ts";
import { sampleEndpoint, samplePrincipal } from "../model/sample-exchange.testing.ts";

const offers: Record<string, Offer> = {
  alpha: {
    tools: [tool("search"), tool("only_alpha"), tool("beta__search")],
    resources: [{ uri: "doc://both" }, { uri: "alpha://index" }],
    resourceTemplates: [{ uriTemplate: "doc://alpha/{id}" }, { uriTemplate: "shared://{id}" }],
    prompts: [{ name: "greet" }],
  },
  beta: {
    tools: [tool("search")],
    resources: [{ uri: "doc://both" }, { uri: "beta://index" }],
    resourceTemplates: [{ uriTemplate: "shared://{id}" }],
    prompts: [{ name: "greet" }, { name: "only_beta" }],
  },
};
const twoServers = () =>
  new InProcessGateway(Object.entries(offers).map(([name, offer]) => ({ name, offer })));

/** `server name` of the call that reached a server, or the name of the refusal. */
async function reached(gateway: InProcessGateway, over: Partial<ExchangeInit>): Promise<string> {
  const verdict = await gateway.verdict(over);
  if (verdict !== "answered") return verdict;
  for (const [name, upstream] of gateway.upstreams) {
    const call = upstream.calls.pop();
    if (call !== undefined) return `${name} ${call.params.name ?? call.params.uri ?? call.method}`;
  }
  return "nobody";
}

describe("tools and prompts", () => {
  test.each([
    ["the wire name", "alpha__search", "alpha search"],
    ["server:name", "beta:search", "beta search"],
    ["a bare name of one server only", "only_alpha", "alpha only_alpha"],
    ["a bare name of two", "search", "tool_unknown"],
    ["a wire name that is also another's own name", "beta__search", "beta search"],
    ["nothing of the kind", "nope", "tool_unknown"],
    ["another server's", "gamma:search", "tool_unknown"],
    ["an empty name", "", "tool_unknown"],
    ["a name of Object's", "constructor", "tool_unknown"],
  ])("%s", async (_what, name, expected) => {
    await using gateway = twoServers();
    expect(await reached(gateway, { params: { name } })).toBe(expected);
  });

  test("a bare name means the one the caller may see", async () => {
    await using gateway = twoServers();
    const principal = samplePrincipal({ permissions: ["beta:*"] });
    expect(await reached(gateway, { principal, params: { name: "search" } })).toBe("beta search");
    const other = samplePrincipal({ permissions: ["alpha:*"] });
    expect(await reached(gateway, { principal: other, params: { name: "beta__search" } })).toBe(
      "alpha beta__search",
    );
  });

  test("on one server's endpoint its own names are meant, and no other server is reached", async () => {
    await using gateway = twoServers();
    const endpoint = sampleEndpoint(gateway.server("alpha"));
    for (const [name, expected] of [
      ["search", "alpha search"],
      ["beta__search", "alpha beta__search"],
      ["alpha__search", "alpha search"],
      ["alpha:search", "alpha search"],
      ["beta:search", "tool_unknown"],
      ["only_beta", "tool_unknown"],
    ] as const) {
      expect([name, await reached(gateway, { endpoint, params: { name } })]).toEqual([name, expected]);
    }
  });

  test("prompts likewise", async () => {
    await using gateway = twoServers();
    const get = (name: string) => reached(gateway, { method: "prompts/get", params: { name } });
    expect(await get("beta__greet")).toBe("beta greet");
    expect(await get("only_beta")).toBe("beta only_beta");
    expect(await get("greet")).toBe("prompt_unknown");
  });

  test("forbidden and unknown are told alike, byte for byte but the name", async () => {
    await using gateway = twoServers();
    const principal = samplePrincipal({ permissions: ["beta:*"] });
    const told = async (name: string) => {
      const error = await gateway
        .handle({ principal, params: { name } })
        .catch((thrown: GatewayError) => thrown);
      const { code, message, data, rpcCode, httpStatus } = error as GatewayError;
      return JSON.stringify({ code, message, data, rpcCode, httpStatus }).replaceAll(name, "NAME");
    };
    const unknown = await told("alpha__nope");
    for (const name of ["alpha__search", "alpha:search", "only_alpha", "alpha:nope", "nope"]) {
      expect(await told(name)).toBe(unknown);
    }
  });

  test("names that are no strings are wrong params", async () => {
    await using gateway = twoServers();
    for (const params of [{}, { name: 5 }, { name: null }, { name: ["search"] }]) {
      expect(await gateway.verdict({ params: params as never })).toBe("invalid_params");
    }
  });
});

describe("resources", () => {
  const read = (gateway: InProcessGateway, uri: string, over: Partial<ExchangeInit> = {}) =>
    reached(gateway, { method: "resources/read", params: { uri }, ...over });

  test.each([
    ["the server that lists it", "beta://index", "beta beta://index"],
    ["the first of two that list it", "doc://both", "alpha doc://both"],
    ["a template of one server", "doc://alpha/7", "alpha doc://alpha/7"],
    ["the one owner of its scheme", "beta://other", "beta beta://other"],
    ["templates of two", "shared://7", "resource_ambiguous"],
    ["schemes of two", "doc://elsewhere", "resource_ambiguous"],
    ["nobody", "gamma://x", "resource_unknown"],
    ["no URI at all", "index", "resource_unknown"],
  ])("%s", async (_what, uri, expected) => {
    await using gateway = twoServers();
    expect(await read(gateway, uri)).toBe(expected);
  });

  test("an ambiguous one names the endpoints where it is not, and only those the caller may use", async () => {
    await using gateway = twoServers();
    const thrown = await gateway
      .handle({ method: "resources/read", params: { uri: "shared://7" } })
      .catch((e) => e);
    expect((thrown as GatewayError).message).toContain("/servers/alpha/mcp, /servers/beta/mcp");
    expect((thrown as GatewayError).data).toEqual({ uri: "shared://7" });
    const principal = samplePrincipal({ permissions: ["beta:*"] });
    expect(await read(gateway, "shared://7", { principal })).toBe("beta shared://7");
    expect(await read(gateway, "alpha://index", { principal })).toBe("resource_unknown");
  });

  test("on one server's endpoint any URI goes there, as far as the caller and the server's filter allow", async () => {
    const filtered = {
      expose: {
        tools: { include: [], exclude: [] },
        prompts: { include: [], exclude: [] },
        resources: { include: [], exclude: ["secret://*"] },
      },
    };
    await using gateway = new InProcessGateway([{ name: "alpha", offer: offers.alpha, over: filtered }]);
    const endpoint = sampleEndpoint(gateway.server("alpha"));
    expect(await read(gateway, "gamma://x", { endpoint })).toBe("alpha gamma://x");
    expect(await read(gateway, "secret://x", { endpoint })).toBe("resource_unknown");
    const principal = samplePrincipal({ permissions: ["alpha:resource:doc://*"] });
    expect(await read(gateway, "doc://x", { endpoint, principal })).toBe("alpha doc://x");
    expect(await read(gateway, "gamma://x", { endpoint, principal })).toBe("resource_unknown");
  });

  test("an unknown one is told with its URI as data", async () => {
    await using gateway = twoServers();
    const thrown = await gateway
      .handle({ method: "resources/read", params: { uri: "gamma://x" } })
      .catch((e) => e);
    expect(thrown).toMatchObject({ rpcCode: -32602, data: { uri: "gamma://x" } });
  });
});

describe("completion", () => {
  const complete = (gateway: InProcessGateway, ref: unknown, over: Partial<ExchangeInit> = {}) =>
    reached(gateway, { method: "completion/complete", params: { ref: ref as never, argument: {} }, ...over });

  test("goes to the owner of the prompt or template, under its own name", async () => {
    await using gateway = twoServers();
    expect(await complete(gateway, { type: "ref/prompt", name: "beta__greet" })).toBe(
      "beta completion/complete",
    );
    await gateway.handle({
      method: "completion/complete",
      params: {
        ref: { type: "ref/prompt", name: "beta__greet", title: "kept" },
        argument: { name: "a", value: "b" },
      },
    });
    expect(gateway.upstream("beta").calls.pop()?.params).toEqual({
      ref: { type: "ref/prompt", name: "greet", title: "kept" },
      argument: { name: "a", value: "b" },
    });
    expect(await complete(gateway, { type: "ref/resource", uri: "doc://alpha/{id}" })).toBe(
      "alpha completion/complete",
    );
    expect(await complete(gateway, { type: "ref/resource", uri: "beta://index" })).toBe(
      "beta completion/complete",
    );
  });

  test("of what the caller may not see is of something unknown", async () => {
    await using gateway = twoServers();
    const principal = samplePrincipal({ permissions: ["beta:*"] });
    expect(await complete(gateway, { type: "ref/prompt", name: "alpha__greet" }, { principal })).toBe(
      "prompt_unknown",
    );
    expect(await complete(gateway, { type: "ref/prompt", name: "nope" }, { principal })).toBe(
      "prompt_unknown",
    );
    const template = { type: "ref/resource", uri: "doc://alpha/{id}", name: "beta__greet" };
    expect(await complete(gateway, template, { principal })).toBe("resource_unknown");
    const read = { method: "resources/read", params: { uri: "nope://", name: "x", type: "ref/prompt" } };
    expect(await reached(gateway, { ...read, principal })).toBe("resource_unknown");
  });

  test("of anything else is wrong params", async () => {
    await using gateway = twoServers();
    for (const ref of [
      undefined,
      null,
      "x",
      {},
      { type: "ref/tool", name: "search" },
      { type: "ref/prompt" },
    ]) {
      expect(await complete(gateway, ref)).toBe("invalid_params");
    }
  });
});

describe("methods we do not know", () => {
  const permitted = samplePrincipal({ permissions: ["alpha:*", "alpha:extension:acme/*"] });
  test("pass on one server's endpoint where they are permitted, with their params untouched", async () => {
    await using gateway = twoServers();
    const endpoint = sampleEndpoint(gateway.server("alpha"));
    const over = {
      endpoint,
      principal: permitted,
      method: "acme/run",
      params: { name: "alpha__search", x: [1] },
    };
    expect(await gateway.verdict(over)).toBe("answered");
    expect(gateway.upstream("alpha").calls[0]).toMatchObject({ method: "acme/run", params: over.params });
    expect(gateway.records()).toMatchObject([{ body: { method: "acme/run", target: "acme/run" } }, {}]);
  });

  test.each([
    ["on the merged endpoint", "acme/run", false, permitted],
    ["without a permission", "acme/run", true, samplePrincipal()],
    ["with another", "acme/run", true, samplePrincipal({ permissions: ["alpha:extension:other/*"] })],
    [
      "for a viewer",
      "acme/run",
      true,
      samplePrincipal({ role: "viewer", permissions: ["alpha:extension:*"] }),
    ],
  ])("do not %s", async (_what, method, single, principal) => {
    await using gateway = twoServers();
    const endpoint = sampleEndpoint(single ? gateway.server("alpha") : undefined);
    expect(await gateway.verdict({ endpoint, method, principal })).toBe("method_unknown");
    expect(gateway.upstream("alpha").calls).toEqual([]);
  });

  test.each([
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tasks/get",
    "tasks/list",
    "notifications/initialized",
    "sampling/createMessage",
    "elicitation/create",
    "roots/list",
  ])("%s is none of them", async (method) => {
    await using gateway = twoServers();
    const endpoint = sampleEndpoint(gateway.server("alpha"));
    const verdict = await gateway.verdict({
      endpoint,
      method,
      principal: samplePrincipal({ role: "admin" }),
      params: { uri: "alpha://index" },
    });
    expect(verdict).toBe("method_unknown");
    expect(gateway.upstream("alpha").calls).toEqual([]);
  });
});
