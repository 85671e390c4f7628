import { afterEach, describe, expect, test } from "bun:test";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import {
  answer,
  closeAll,
  echoTool,
  failure,
  makeUpstream,
  type Received,
  scripted,
  started,
  until,
} from "./upstream-harness.testing.ts";

afterEach(closeAll);

const object = { type: "object" };

function listing(
  list: (received: Received) => Response | undefined,
  capabilities: JsonObject = { tools: {} },
) {
  return scripted((received) => {
    if (received.method === "server/discover")
      return answer(received.id, {
        supportedVersions: ["2026-07-28"],
        capabilities,
        instructions: "be kind",
      });
    return list(received);
  });
}

describe("lists", () => {
  test("all pages of what the server announces, unknown members kept, nothing else asked for", async () => {
    const peer = listing(
      ({ method, id, params }) => {
        if (method === "tools/list") {
          const page = Number(params.cursor ?? 0);
          const tools = [{ name: `t${page}`, inputSchema: object, "x-unknown": { a: [page] } }];
          return answer(id, page < 2 ? { tools, nextCursor: String(page + 1) } : { tools });
        }
        if (method === "resources/list")
          return answer(id, { resources: [{ uri: "a://b", name: "b" }], nextCursor: "" });
        return undefined;
      },
      { tools: {}, resources: {} },
    );
    const upstream = await started(makeUpstream(peer.url));
    expect(upstream.lists?.tools).toEqual(
      [0, 1, 2].map((n) => ({ name: `t${n}`, inputSchema: object, "x-unknown": { a: [n] } })),
    );
    expect(upstream.lists?.instructions).toBe("be kind");
    // The empty cursor is a cursor; given twice it ends the list.
    expect(upstream.lists?.resources).toEqual([{ uri: "a://b", name: "b" }]);
    expect(upstream.lists?.resourceTemplates).toEqual([]);
    expect(peer.seen.map(({ method }) => method)).not.toContain("prompts/list");
  });

  test("a broken definition is left out alone, with its reason", async () => {
    let deep: JsonValue = { type: "string" };
    for (let i = 0; i < 100; i++) deep = { type: "array", items: deep };
    const tools: JsonValue[] = [
      echoTool,
      { inputSchema: object },
      { name: "", inputSchema: object },
      { name: "schemaless" },
      { name: "string-schema", inputSchema: "object" },
      { name: "array-type", inputSchema: { type: "array" } },
      {
        name: "bad-header",
        inputSchema: { type: "object", properties: { a: { type: "number", "x-mcp-header": "A" } } },
      },
      { name: "too-deep", inputSchema: { type: "object", properties: { a: deep } } },
      null,
      "tool",
      echoTool,
      { name: "last", inputSchema: {} },
    ];
    const peer = listing(({ method, id }) => (method === "tools/list" ? answer(id, { tools }) : undefined));
    const upstream = await started(makeUpstream(peer.url));
    expect(upstream.lists?.tools.map(({ name }) => name)).toEqual(["echo", "last"]);
    const reasons = Object.fromEntries(
      (upstream.lists?.excluded ?? []).map(({ name, reason }) => [name, reason]),
    );
    expect(upstream.lists?.excluded.length).toBe(10);
    expect(reasons["bad-header"]).toContain("x-mcp-header");
    expect(reasons["too-deep"]).toContain("deep");
    expect(reasons.schemaless).toContain("inputSchema");
    expect(reasons.echo).toContain("same name");
  });

  test("a definition the guard refuses does not take its page with it", async () => {
    const peer = listing(({ method, id }) =>
      method === "tools/list"
        ? new Response(
            `{"jsonrpc":"2.0","id":${String(id)},"result":{"tools":[{"name":"evil","inputSchema":{"__proto__":{}}},{"name":"good","inputSchema":{}}]}}`,
            { headers: { "content-type": "application/json" } },
          )
        : undefined,
    );
    const upstream = await started(makeUpstream(peer.url));
    expect(upstream.lists?.tools.map(({ name }) => name)).toEqual(["good"]);
    expect(upstream.lists?.excluded).toMatchObject([{ name: "evil" }]);
  });

  test("a list that fails does not take the others with it", async () => {
    const peer = listing(
      ({ method, id }) => (method === "prompts/list" ? failure(id, -32603, "database is down") : undefined),
      { tools: {}, prompts: {} },
    );
    const upstream = await started(makeUpstream(peer.url));
    expect(upstream.lists?.tools.length).toBe(1);
    expect(upstream.lists?.excluded).toEqual([{ kind: "prompts", name: "*", reason: "database is down" }]);
  });

  test("a list without end is cut at its bounds", async () => {
    let page = 0;
    const peer = listing(({ method, id }) =>
      method === "tools/list"
        ? answer(id, { tools: [{ name: `t${page}`, inputSchema: object }], nextCursor: `c${page++}` })
        : undefined,
    );
    const pages = await started(makeUpstream(peer.url, { deps: { limits: { listPagesMax: 7 } } }));
    expect(pages.lists?.tools.length).toBe(7);
    const items = await started(makeUpstream(peer.url, { deps: { limits: { listItemsMax: 5 } } }));
    expect(items.lists?.tools.length).toBe(5);
    const bytes = await started(makeUpstream(peer.url, { deps: { limits: { listBytesMax: 1000 } } }));
    expect(bytes.lists?.tools.length).toBeLessThan(20);
    expect(bytes.lists?.excluded.at(-1)?.reason).toContain("bytes");
  });

  test("are read again at the interval; the version moves only when something changed", async () => {
    let tools: JsonObject[] = [echoTool];
    const peer = listing(({ method, id }) => (method === "tools/list" ? answer(id, { tools }) : undefined));
    const upstream = makeUpstream(peer.url, { refreshIntervalMs: 20 });
    const versions: string[] = [];
    upstream.onEvent((event) => {
      if (event.kind === "lists") versions.push(event.lists.version);
    });
    await started(upstream);
    await until(() => upstream.counters.listRefreshes > 3);
    expect(versions.length).toBe(1);
    tools = [{ ...echoTool, description: "changed" }];
    await until(() => versions.length === 2);
    expect(versions[0]).not.toBe(versions[1]);
  });

  test("stay when they cannot be read, and the server is failed until they can", async () => {
    let down = false;
    const peer = listing(({ method }) =>
      down && method !== undefined ? new Response("no", { status: 500 }) : undefined,
    );
    const upstream = await started(
      makeUpstream(peer.url, {
        refreshIntervalMs: 20,
        deps: { limits: { reconnectBaseMs: 10, reconnectCapMs: 20 } },
      }),
    );
    down = true;
    await until(() => upstream.state.status === "failed");
    expect(upstream.lists?.tools.length).toBe(1);
    down = false;
    await until(() => upstream.state.status === "ready");
  });
});
