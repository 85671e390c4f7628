import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../src/errors/gateway-error.ts";
import { said, tool } from "../../src/model/ports/in-process-upstream.testing.ts";
import { Events, HttpGateway, type JsonRpc, until } from "./http-gateway.ts";

const offer = {
  tools: [tool("echo")],
  prompts: [{ name: "greet" }],
  resources: [{ uri: "test://watched", name: "w" }],
};
const oneServer = (options = {}) => new HttpGateway([{ name: "s", offer }], options);
const json = async (response: Response) => (await response.json()) as JsonRpc;

describe("messages", () => {
  test("what a session answers itself is exactly an empty object", async () => {
    await using http = oneServer();
    const client = await http.legacy();
    for (const [method, params] of [
      ["ping", {}],
      ["logging/setLevel", { level: "debug" }],
      ["resources/subscribe", { uri: "test://watched" }],
      ["resources/unsubscribe", { uri: "test://watched" }],
      ["resources/unsubscribe", { uri: "test://never" }],
    ] as const) {
      expect(await json(await client.request(method, params))).toEqual({ jsonrpc: "2.0", id: 1, result: {} });
    }
    expect(http.inner.upstream("s").calls).toEqual([]);
  });

  test("a client whose roots changed says so to the servers of its endpoint", async () => {
    await using http = oneServer();
    const client = await http.legacy({ capabilities: { roots: { listChanged: true } } });
    const answer = await client.post({ jsonrpc: "2.0", method: "notifications/roots/list_changed" });
    expect([answer.status, http.inner.upstream("s").rootsChangedOf.length]).toEqual([202, 1]);
  });

  test("results carry nothing that only the modern revision knows", async () => {
    await using http = oneServer();
    http.inner.upstream("s").answer = () => ({
      kind: "result",
      result: {
        content: [],
        resultType: "complete",
        ttlMs: 1,
        cacheScope: "private",
        _meta: { "io.modelcontextprotocol/serverInfo": {}, "acme/x": 1 },
      },
      exact: false,
    });
    const client = await http.legacy();
    const called = await json(await client.request("tools/call", { name: "s__echo" }));
    expect(called.result).toEqual({ content: [], _meta: { "acme/x": 1 } });
    const listed = await json(await client.request("tools/list"));
    expect(Object.keys(listed.result ?? {})).toEqual(["tools"]);
  });

  test.each(["2025-06-18", "2025-03-26", "2024-11-05"])(
    "%s: what came after it and is not of 2026-07-28 alone is passed, in results, lists and questions",
    async (revision) => {
      const result = {
        content: [
          { type: "audio", data: "AA==", mimeType: "audio/wav" },
          { type: "resource_link", uri: "test://watched", name: "w" },
        ],
        structuredContent: { a: 1 },
        "acme/unknown": { deep: [1] },
      };
      const form = { method: "sampling/createMessage", params: { messages: [], maxTokens: 1, "acme/x": 1 } };
      const definition = tool("echo", {
        title: "Echo",
        icons: [{ src: "https://a.example/i.png" }],
        outputSchema: { type: "object" },
      });
      await using http = new HttpGateway([
        {
          name: "s",
          offer: { tools: [definition] },
          answer: async (call) => {
            await call.ask({ q: form });
            return { kind: "result", result: structuredClone(result), exact: false };
          },
        },
      ]);
      const client = await http.legacy({ revision, capabilities: { sampling: {} } });
      const listed = await json(await client.request("tools/list"));
      expect(listed.result?.tools).toEqual([{ ...definition, name: "s__echo" }] as never);
      const events = new Events(await client.request("tools/call", { name: "s__echo" }, { id: 2 }));
      const question = await events.message();
      expect(question?.params).toEqual(form.params);
      await client.post({ jsonrpc: "2.0", id: question?.id, result: { role: "assistant" } });
      expect((await events.rest())[0]?.result).toEqual(result as never);
    },
  );

  test("errors are in band, but those that ask for another try", async () => {
    await using http = oneServer();
    const client = await http.legacy();
    const unknown = await client.request("unknown/method");
    expect([unknown.status, (await json(unknown)).error?.code]).toEqual([200, -32601]);
    const tool = await client.request("tools/call", { name: "nope" }, { id: "x" });
    expect([tool.status, await json(tool)]).toEqual([
      200,
      {
        jsonrpc: "2.0",
        id: "x",
        error: { code: -32602, message: "Unknown tool: nope", data: expect.any(Object) },
      } as never,
    ]);
    http.inner.upstream("s").answer = () =>
      Promise.reject(new GatewayError("upstream_busy", { server: "s" }));
    expect((await client.request("tools/call", { name: "s__echo" })).status).toBe(503);
    const level = await json(await client.request("logging/setLevel", { level: "loud" }));
    expect(level.error?.code).toBe(-32602);
    const resource = await json(await client.request("resources/subscribe", { uri: "nobody://x" }));
    expect(resource.error?.data).toMatchObject({ uri: "nobody://x" });
  });

  test("ids: numbers past 2^53 are echoed, what is no id is refused, one under way is not taken twice", async () => {
    await using http = oneServer();
    const client = await http.legacy();
    const big = await client.post('{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}');
    expect(await big.text()).toBe('{"jsonrpc":"2.0","id":9007199254740993,"result":{}}');
    for (const id of ["null", "{}", "true"]) {
      const response = await client.post(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
      expect([id, response.status, (await json(response)).error?.code]).toEqual([id, 400, -32600]);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    http.inner.upstream("s").answer = (call) => promise.then(() => said("late")(call));
    const first = client.request("tools/call", { name: "s__echo" }, { id: 7 });
    await until("the call is there", () => http.inner.upstream("s").calls.length === 1);
    const twin = await client.request("tools/call", { name: "s__echo" }, { id: 7 });
    expect([twin.status, (await json(twin)).error?.code]).toEqual([400, -32600]);
    expect((await client.request("ping", {}, { id: "7" })).status).toBe(200);
    resolve();
    expect((await json(await first)).result).toBeDefined();
    expect((await client.request("ping", {}, { id: 7 })).status).toBe(200);
  });

  test("a cancelled call ends its server's work; cancelling what is not under way does nothing", async () => {
    await using http = oneServer();
    const client = await http.legacy();
    const upstream = http.inner.upstream("s");
    upstream.answer = (call) =>
      new Promise((_resolve, reject) => {
        call.cancellation.onCancel(() => reject(new GatewayError("call_cancelled")));
      });
    const call = client.request("tools/call", { name: "s__echo" }, { id: 5 });
    await until("the call is there", () => upstream.calls.length === 1);
    for (const requestId of ["5", 6, null, {}]) {
      await client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } });
    }
    expect(upstream.calls[0]?.cancellation.cancelled).toBe(false);
    expect(
      (await client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 5 } }))
        .status,
    ).toBe(202);
    expect((await json(await call)).error?.code).toBe(1032);
    expect(upstream.calls[0]?.cancellation.reason).toBe("client_cancelled");
  });

  test("answers to questions nobody asks any more are accepted and ignored", async () => {
    await using http = oneServer();
    const client = await http.legacy();
    for (const message of [
      { jsonrpc: "2.0", id: "ask-1", result: {} },
      { jsonrpc: "2.0", id: 99, error: { code: 1, message: "x" } },
    ]) {
      expect((await client.post(message)).status).toBe(202);
    }
    for (const message of [
      { jsonrpc: "2.0" },
      { jsonrpc: "2.0", result: {} },
      { jsonrpc: "1.0", id: 1, method: "ping" },
      { id: 1, method: "ping" },
    ]) {
      expect((await client.post(message)).status).toBe(400);
    }
  });
});

describe("batches", () => {
  const batch = [
    { jsonrpc: "2.0", id: 1, method: "ping" },
    { jsonrpc: "2.0", method: "notifications/initialized" },
    { jsonrpc: "2.0", id: "two", method: "tools/call", params: { name: "s__echo" } },
    { jsonrpc: "2.0", id: 3, method: "unknown/method" },
  ];
  test("are for 2025-03-26 alone", async () => {
    await using http = oneServer();
    const client = await http.legacy({ revision: "2025-03-26" });
    const answers = (await (await client.post(batch)).json()) as JsonRpc[];
    expect(answers.map(({ id, result, error }) => [id, result ? "result" : error?.code])).toEqual([
      [1, "result"],
      ["two", "result"],
      [3, -32601],
    ]);
    const notes = await client.post([{ jsonrpc: "2.0", method: "notifications/initialized" }]);
    expect([notes.status, await notes.text()]).toEqual([202, ""]);
    for (const revision of ["2025-11-25", "2025-06-18", "2024-11-05"]) {
      const other = await http.legacy({ revision });
      const refused = await other.post(batch);
      expect([revision, refused.status, (await json(refused)).error?.code]).toEqual([revision, 400, -32600]);
    }
  });

  test("are bounded and hold no handshake; one bad message spoils only itself", async () => {
    await using http = oneServer();
    const client = await http.legacy({ revision: "2025-03-26" });
    expect((await client.post([])).status).toBe(400);
    expect(
      (await client.post(Array.from({ length: 51 }, (_, id) => ({ jsonrpc: "2.0", id, method: "ping" }))))
        .status,
    ).toBe(400);
    const mixed = (await (
      await client.post([
        { jsonrpc: "2.0", id: 1, method: "initialize", params: {} },
        5,
        { jsonrpc: "2.0", id: 2, method: "ping" },
      ])
    ).json()) as JsonRpc[];
    expect(mixed.map(({ id, error }) => [id, error?.code])).toEqual([
      [1, -32600],
      [null, -32600],
      [2, undefined],
    ] as never);
  });

  test("of one id twice answer the second with an error", async () => {
    await using http = oneServer();
    const client = await http.legacy({ revision: "2025-03-26" });
    const twins = [1, 1].map((id) => ({
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: { name: "s__echo" },
    }));
    const answers = (await (await client.post(twins)).json()) as JsonRpc[];
    expect(answers.map(({ error }) => error?.code)).toEqual([undefined, -32600]);
  });
});
