import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../src/errors/gateway-error.ts";
import { said, tool } from "../../src/model/ports/in-process-upstream.testing.ts";
import { ALICE, BOB, Events, HttpGateway, type JsonRpc, SharedLedger, until } from "./http-gateway.ts";

const offer = {
  tools: [tool("echo")],
  prompts: [{ name: "greet" }],
  resources: [{ uri: "test://watched", name: "w" }],
};
const oneServer = (options = {}) => new HttpGateway([{ name: "s", offer }], options);
const json = async (response: Response) => (await response.json()) as JsonRpc;

describe("the handshake", () => {
  test.each(["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])("%s is agreed", async (revision) => {
    await using http = oneServer();
    const client = await http.legacy({ revision });
    expect(client.initialized).toMatchObject({
      protocolVersion: revision,
      serverInfo: { name: "mcp-gateway" },
    });
    expect(client.sessionId).toMatch(/^[\x21-\x7e]{1,1024}$/);
    const listed = await json(
      await client.request("tools/list", {}, { headers: { "mcp-protocol-version": revision } }),
    );
    expect(listed.result).toEqual({ tools: [{ ...tool("echo"), name: "s__echo" }] });
  });

  test("another revision is answered with our newest", async () => {
    await using http = oneServer();
    expect((await http.legacy({ revision: "1999-01-01" })).initialized.protocolVersion).toBe("2025-11-25");
  });

  test("headers of the modern revision do not matter to it, a version header may be there or not", async () => {
    await using http = oneServer();
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "c", version: "1" },
    };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params });
    for (const extra of [
      {},
      { "mcp-protocol-version": "2025-11-25", "mcp-method": "initialize" },
      { "mcp-protocol-version": "2025-11-25", "mcp-method": "something/else", "mcp-name": "x" },
    ]) {
      const response = await http.send(
        "POST",
        { "content-type": "application/json", ...extra } as never,
        body,
      );
      expect([response.status, response.headers.get("mcp-session-id")]).toEqual([200, expect.any(String)]);
    }
  });

  test("its id stays short however much a client says of itself", async () => {
    await using http = oneServer();
    const client = await http.legacy({
      capabilities: { elicitation: { form: {}, note: "x".repeat(5_000) }, other: { y: 1 } },
    });
    expect(client.sessionId.length).toBeLessThanOrEqual(1_024);
    expect((await client.request("ping")).status).toBe(200);
  });

  test("notifications are accepted with nothing", async () => {
    await using http = oneServer();
    const client = await http.legacy();
    const headers = { origin: `http://localhost:${http.port}` };
    const response = await client.post({ jsonrpc: "2.0", method: "notifications/initialized" }, { headers });
    expect([response.status, await response.text()]).toEqual([202, ""]);
  });
});

describe("a session's life", () => {
  test("ends with DELETE, at once and everywhere", async () => {
    const ledger = new SharedLedger();
    await using http = oneServer({ ledger });
    await using other = oneServer({ ledger });
    const client = await http.legacy();
    expect((await client.request("ping")).status).toBe(200);
    expect((await client.delete()).status).toBe(204);
    for (const again of [() => client.request("ping"), () => client.get(), () => client.delete()]) {
      const response = await again();
      expect([response.status, (await json(response)).error?.code]).toEqual([404, 1021]);
    }
    const there = await other.send(
      "POST",
      { "content-type": "application/json", "mcp-session-id": client.sessionId },
      '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    );
    expect(there.status).toBe(404);
  });

  test("goes on in another process with the same key, and there knows the client's revision and capabilities", async () => {
    const ledger = new SharedLedger();
    await using http = oneServer({ ledger });
    await using other = oneServer({ ledger });
    const client = await http.legacy({ revision: "2025-06-18", capabilities: { elicitation: {} } });
    const head = { "content-type": "application/json", "mcp-session-id": client.sessionId };
    const call = (id: number) =>
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"s__echo"}}`;
    const answers = await Promise.all([1, 2, 3].map((id) => other.send("POST", head, call(id))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(other.sessions.size).toBe(1);
    expect(other.inner.upstream("s").calls[0]?.client).toMatchObject({
      era: "legacy",
      revision: "2025-06-18",
      capabilities: { elicitation: {} },
    });
  });

  test.each([
    ["another principal", { key: BOB }],
    ["another endpoint", { path: "/servers/s/mcp" }],
  ])("%s finds nothing under its id", async (_what, over) => {
    await using http = oneServer();
    const client = await http.legacy({ key: ALICE });
    const response = await client.request("tools/list", {}, over);
    expect([response.status, (await json(response)).error?.code]).toEqual([404, 1021]);
    expect((await client.request("tools/list")).status).toBe(200);
  });

  test("a path that means the same endpoint is the same endpoint", async () => {
    await using http = oneServer();
    const client = await http.legacy();
    expect((await client.request("ping", {}, { path: "/namespaces/default/mcp" })).status).toBe(200);
  });

  test("a changed or invented id is unknown, none at all is asked for", async () => {
    await using http = oneServer();
    const client = await http.legacy();
    const id = client.sessionId;
    const status = async (sessionId: string) =>
      (await client.request("ping", {}, { headers: { "mcp-session-id": sessionId } })).status;
    for (const bad of [
      `${id}x`,
      id.slice(1),
      id.slice(0, -1),
      `${id.slice(0, -2)}AA`,
      "x",
      crypto.randomUUID(),
    ]) {
      expect(await status(bad)).toBe(404);
    }
    expect(await status("")).toBe(400);
    const none = await http.send(
      "POST",
      { "content-type": "application/json" },
      '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    );
    expect([none.status, (await json(none)).error?.code]).toEqual([400, 1020]);
  });

  test("one too many takes the place of one that waits for nothing, and that one comes back by its id", async () => {
    await using http = oneServer({ sessionsMax: 2 });
    const clients = [await http.legacy(), await http.legacy(), await http.legacy()];
    expect(http.sessions.size).toBe(2);
    for (const client of clients) expect((await client.request("ping")).status).toBe(200);
  });

  test("where all have open streams, one more is refused", async () => {
    await using http = oneServer({ sessionsMax: 1 });
    const client = await http.legacy();
    const stream = await client.get();
    expect(stream.status).toBe(200);
    const refused = await http.send(
      "POST",
      { "content-type": "application/json" },
      '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}',
    );
    expect([refused.status, (await json(refused)).id as unknown]).toEqual([503, 0]);
    await stream.body?.cancel();
  });

  test("is forgotten a day after its client was last heard, and its subscriptions with it", async () => {
    const clock = { at: 1_000_000, now: () => clock.at };
    await using http = oneServer({ clock });
    const client = await http.legacy();
    await client.request("resources/subscribe", { uri: "test://watched" });
    expect(http.inner.upstream("s").subscribed).toEqual(["test://watched"]);
    http.sessions.sweep();
    expect(http.sessions.size).toBe(1);
    clock.at += 24 * 3_600_000 + 1;
    http.sessions.sweep();
    expect(http.sessions.size).toBe(0);
    expect(http.inner.upstream("s").subscribed).toEqual([]);
    await until("the row is ended", () => http.ledger.endedIds.size === 1);
  });
});

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

describe("a modern server behind a legacy client", () => {
  const asking = (question: object) => ({
    name: "s",
    offer,
    answer: (call: { params: { inputResponses?: unknown; requestState?: unknown } }) =>
      call.params.inputResponses === undefined
        ? {
            kind: "result",
            result: { resultType: "input_required", requestState: "inner", inputRequests: { who: question } },
            exact: false,
          }
        : {
            kind: "result",
            result: {
              content: [],
              structuredContent: { got: call.params.inputResponses, state: call.params.requestState },
            },
            exact: false,
          },
  });
  const elicitation = {
    method: "elicitation/create",
    params: {
      message: "Name?",
      requestedSchema: { properties: { n: { default: 95.5, oneOf: [{ const: "a", title: "A" }] } } },
    },
  };

  test("each question is a request on the call's own stream, and the call goes on with the answers", async () => {
    await using http = new HttpGateway([asking(elicitation) as never]);
    const client = await http.legacy({ capabilities: { elicitation: {} } });
    const events = new Events(await client.request("tools/call", { name: "s__echo" }, { id: 9 }));
    const question = await events.message();
    expect(question).toMatchObject(elicitation as never);
    const answer = { action: "accept", content: { n: 1 } };
    expect((await client.post({ jsonrpc: "2.0", id: question?.id, result: answer })).status).toBe(202);
    const [final, ...more] = await events.rest();
    expect(more).toEqual([]);
    expect(final).toEqual({
      jsonrpc: "2.0",
      id: 9,
      result: { content: [], structuredContent: { got: { who: answer }, state: "inner" } },
    } as never);
    expect(http.inner.records().map(({ kind }) => kind)).toEqual([
      "call_intent",
      "call_outcome",
      "call_intent",
      "call_outcome",
    ]);
  });

  test("a client that declared no such capability is not asked", async () => {
    await using http = new HttpGateway([asking(elicitation) as never]);
    const client = await http.legacy();
    expect((await json(await client.request("tools/call", { name: "s__echo" }))).error?.code).toBe(1036);
  });

  test("its refusal ends the call, another session's answer does not", async () => {
    await using http = new HttpGateway([asking(elicitation) as never]);
    const client = await http.legacy({ capabilities: { elicitation: {} } });
    const other = await http.legacy({ key: BOB, capabilities: { elicitation: {} } });
    const events = new Events(await client.request("tools/call", { name: "s__echo" }));
    const question = await events.message();
    expect(
      (await other.post({ jsonrpc: "2.0", id: question?.id, result: { action: "accept" } })).status,
    ).toBe(202);
    await client.post({ jsonrpc: "2.0", id: question?.id, error: { code: -1, message: "declined" } });
    const [final] = await events.rest();
    expect(final?.error).toMatchObject({ code: 1037, data: { error: { code: -1, message: "declined" } } });
  });

  test("a server that asks without end is stopped", async () => {
    await using http = new HttpGateway([
      {
        name: "s",
        answer: () => ({
          kind: "result",
          result: { resultType: "input_required", inputRequests: { who: elicitation as never } },
          exact: false,
        }),
      },
    ]);
    const client = await http.legacy({ capabilities: { elicitation: {} } });
    const events = new Events(await client.request("tools/call", { name: "s__echo" }));
    let questions = 0;
    for (let one = await events.message(); one !== undefined; one = await events.message()) {
      if (one.method === undefined) {
        expect(one.error?.code).toBe(1053);
        continue;
      }
      questions++;
      await client.post({ jsonrpc: "2.0", id: one.id, result: { action: "accept" } });
    }
    expect(questions).toBe(8);
  });

  test("ending the session ends the question", async () => {
    await using http = new HttpGateway([asking(elicitation) as never]);
    const client = await http.legacy({ capabilities: { elicitation: {} } });
    const events = new Events(await client.request("tools/call", { name: "s__echo" }));
    await events.message();
    expect((await client.delete()).status).toBe(204);
    expect(await events.rest()).toEqual([]);
    await until("nobody waits", () => http.waiting.size === 0);
  });
});
