import { describe, expect, test } from "bun:test";
import { InProcessGateway } from "../../test/integration/in-process-gateway.ts";
import { Cancellation } from "../model/cancellation.ts";
import type { ExchangeInit } from "../model/exchange.ts";
import { tool } from "../model/ports/in-process-upstream.testing.ts";
import { sampleEndpoint, samplePrincipal } from "../model/sample-exchange.testing.ts";
import type { JsonObject } from "../protocol/json-value.ts";

const offer = {
  tools: [tool("a"), tool("secret")],
  prompts: [{ name: "p" }],
  resources: [{ uri: "x://1" }],
};
/** `slow` has not answered yet, `known` has. */
const start = () =>
  new InProcessGateway([
    { name: "slow", offer: undefined },
    { name: "known", offer: { tools: [tool("k"), tool("k-secret")] } },
  ]);
const called = (name: string, over: Partial<ExchangeInit> = {}) => ({ params: { name }, ...over });
const completion = (ref: JsonObject) => ({ method: "completion/complete", params: { ref, argument: {} } });

/** The verdict, or `waits`. */
async function soon(verdict: Promise<string>): Promise<string> {
  return Promise.race([verdict, Bun.sleep(30).then(() => "waits")]);
}
async function listed(gateway: InProcessGateway, method: string, over: Partial<ExchangeInit> = {}) {
  const outcome = await gateway.handle({ method, ...over });
  if (outcome.kind !== "list") throw new Error(outcome.kind);
  return JSON.parse(`[${outcome.items.toString()}]`).map(
    ({ name, uri }: { name?: string; uri?: string }) => name ?? uri,
  );
}

describe("while a server connects for the first time", () => {
  test("a call of what it may offer waits for its answer, by any of its names", async () => {
    await using gateway = start();
    const verdicts = [
      gateway.verdict(called("slow__a")),
      gateway.verdict(called("slow:a")),
      gateway.verdict(called("a")),
      gateway.verdict(called("slow__p", { method: "prompts/get" })),
      gateway.verdict({ method: "resources/read", params: { uri: "x://1" } }),
      gateway.verdict(completion({ type: "ref/prompt", name: "slow__p" })),
      gateway.verdict(completion({ type: "ref/resource", uri: "x://1" })),
      gateway.verdict(called("slow__nothing")),
    ];
    for (const verdict of verdicts) expect(await soon(verdict)).toBe("waits");
    gateway.upstream("slow").change(offer);
    expect(await Promise.all(verdicts)).toEqual([...Array(7).fill("answered"), "tool_unknown"]);
    expect(gateway.upstream("slow").calls).toHaveLength(7);
    expect(await soon(gateway.verdict(called("slow__nothing")))).toBe("tool_unknown");
  });

  test("calls of what is known do not wait, nor do names of servers that have answered", async () => {
    await using gateway = start();
    expect(await soon(gateway.verdict(called("known__k")))).toBe("answered");
    expect(await soon(gateway.verdict(called("k")))).toBe("answered");
    expect(await soon(gateway.verdict(called("known__nothing")))).toBe("tool_unknown");
  });

  test("what is forbidden is answered as what does not exist, in the same time", async () => {
    await using gateway = start();
    const asked = async (permissions: string[], name: string) =>
      soon(gateway.verdict(called(name, { principal: samplePrincipal({ permissions }) })));
    // Of a server that cannot be seen, as of none: whether it connects, has answered, or is not there.
    for (const name of ["slow__a", "slow:secret", "known__k-secret", "nowhere__a", "a"])
      expect([name, await asked(["other:*"], name)]).toEqual([name, "tool_unknown"]);
    // Where something of the connecting server is permitted, all names that may be its own wait, and no other.
    for (const name of [
      "slow__a",
      "slow__secret",
      "slow__nothing",
      "a",
      "known__k",
      "known__k-secret",
      "nowhere__a",
    ])
      expect([name, await asked(["slow:a"], name)]).toEqual([name, "waits"]);
    const verdicts = ["slow__secret", "slow__nothing"].map((name) =>
      gateway.verdict(called(name, { principal: samplePrincipal({ permissions: ["slow:a"] }) })),
    );
    gateway.upstream("slow").change(offer);
    expect(await Promise.all(verdicts)).toEqual(["tool_unknown", "tool_unknown"]);
  });

  test("it ends when the server turns out to be down, and nothing waits for it afterwards", async () => {
    await using gateway = start();
    const verdict = gateway.verdict(called("slow__a"));
    const list = listed(gateway, "tools/list");
    expect(await soon(verdict)).toBe("waits");
    gateway.upstream("slow").fail();
    expect(await verdict).toBe("upstream_unreachable");
    expect(await list).toEqual(["known__k", "known__k-secret"]);
    gateway.upstream("slow").failed = false;
    expect(await soon(gateway.verdict(called("slow__a")))).toBe("upstream_unreachable");
  });

  test("it ends with the call, and no later than a request may take", async () => {
    const cancellation = new Cancellation();
    await using gateway = start();
    const verdict = gateway.verdict(called("slow__a", { cancellation }));
    expect(await soon(verdict)).toBe("waits");
    cancellation.cancel("client_gone");
    expect(await verdict).toBe("call_cancelled");
    await using hurried = new InProcessGateway([{ name: "slow", offer: undefined }], {
      requestTimeoutMs: 60,
    });
    expect(await hurried.verdict(called("slow__a"))).toBe("upstream_unreachable");
  });
});

describe("a server that never answered", () => {
  const all = { include: [], exclude: [] };
  const expose = { tools: { ...all, exclude: ["hidden*"] }, resources: all, prompts: all };
  const down = () => {
    const gateway = new InProcessGateway([
      { name: "slow", offer: undefined, over: { expose } },
      { name: "known", offer: { tools: [tool("k")] } },
    ]);
    gateway.upstream("slow").fail();
    return gateway;
  };
  const asker = (gateway: InProcessGateway) => (name: string, permissions: string[], server?: string) =>
    gateway.verdict({
      ...called(name, { principal: samplePrincipal({ permissions }) }),
      endpoint: sampleEndpoint(server === undefined ? undefined : gateway.server(server)),
    });

  test("is away for whom its names are permitted, there or not, at either endpoint", async () => {
    await using gateway = down();
    const asked = asker(gateway);
    const away = "upstream_unreachable";
    for (const name of ["slow__a", "slow:a", "slow__nothing"])
      expect([name, await asked(name, ["slow:*"])]).toEqual([name, away]);
    for (const name of ["a", "slow__a"])
      expect([name, await asked(name, ["slow:a"], "slow")]).toEqual([name, away]);
    const prompt = called("slow__p", { method: "prompts/get" });
    expect(await gateway.verdict(prompt)).toBe(away);
    expect(gateway.upstream("slow").calls).toHaveLength(0);
  });

  test("is nothing to anybody else, and nothing by names that are not its own or not exposed", async () => {
    await using gateway = down();
    const asked = asker(gateway);
    for (const [name, permissions, server] of [
      ["slow__a", ["known:*"], undefined],
      ["slow:a", ["slow:b"], undefined],
      ["slow__a", ["slow:prompt:a"], undefined],
      ["a", ["slow:b"], "slow"],
      ["a", ["*:*"], undefined],
      ["nowhere__a", ["*:*"], undefined],
      ["slow__", ["*:*"], undefined],
      ["slow__hidden_1", ["*:*"], undefined],
      ["hidden_1", ["*:*"], "slow"],
      ["slow__a", ["*:*"], "known"],
    ] as const)
      expect([name, permissions, server, await asked(name, [...permissions], server)]).toEqual([
        ...[name, permissions, server, "tool_unknown"],
      ]);
    const viewer = samplePrincipal({ role: "viewer", permissions: ["*:*"] });
    expect(await gateway.verdict(called("slow__a", { principal: viewer }))).toBe("tool_unknown");
  });
});

describe("while the process starts", () => {
  test("lists wait for the servers their callers may see", async () => {
    await using gateway = start();
    const tools = listed(gateway, "tools/list");
    const resources = listed(gateway, "resources/list");
    const others = listed(gateway, "tools/list", {
      principal: samplePrincipal({ permissions: ["known:k"] }),
    });
    expect(await others).toEqual(["known__k"]);
    gateway.upstream("slow").change(offer);
    expect(await tools).toEqual(["known__k", "known__k-secret", "slow__a", "slow__secret"]);
    expect(await resources).toEqual(["x://1"]);
  });

  test("what an endpoint of many can do is said once its servers answered; other messages do not wait", async () => {
    await using gateway = start();
    const waiting = (method: string, permissions = ["*"]) =>
      gateway.gateway.connecting(sampleEndpoint(), samplePrincipal({ permissions }), method);
    expect(waiting("ping")).toBeUndefined();
    expect(waiting("initialize", ["known:*"])).toBeUndefined();
    const described = [waiting("initialize"), waiting("server/discover")];
    expect(described.map((one) => one instanceof Promise)).toEqual([true, true]);
    gateway.upstream("slow").change(offer);
    await Promise.all(described);
    expect(waiting("initialize")).toBeUndefined();
  });

  test("a list waits two seconds at most, and one of later servers not at all", async () => {
    await using gateway = start();
    const began = performance.now();
    expect(await listed(gateway, "tools/list")).toEqual(["known__k", "known__k-secret"]);
    expect(performance.now() - began).toBeGreaterThan(1_000);
    const again = performance.now();
    await listed(gateway, "tools/list");
    expect(performance.now() - again).toBeLessThan(1_000);
  });
});
