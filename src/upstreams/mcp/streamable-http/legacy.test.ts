import { afterEach, describe, expect, test } from "bun:test";
import type { JsonObject } from "../../../protocol/json-value.ts";
import {
  answer,
  closeAll,
  codeOf,
  type EventStream,
  eventStream,
  failure,
  makeCall,
  makeUpstream,
  type Received,
  scripted,
  soundLegacy,
  started,
  textOf,
  toolCall,
  until,
} from "../upstream-harness.testing.ts";

afterEach(closeAll);

type Handler = (received: Received, request: Request) => Response | undefined | Promise<Response | undefined>;

async function legacy(handle: Handler, changes: Parameters<typeof makeUpstream>[1] = {}) {
  const peer = scripted(
    async (received, request) => (await handle(received, request)) ?? soundLegacy(received),
  );
  return { peer, upstream: await started(makeUpstream(peer.url, changes)) };
}
const calls = (seen: readonly Received[]) => seen.filter(({ method }) => method === "tools/call");
const text = (value: string): JsonObject => ({ content: [{ type: "text", text: value }] });

describe("a session", () => {
  test("initialize, initialized, then id and version on every request; no modern headers or keys; DELETE at the end", async () => {
    const { peer, upstream } = await legacy(() => undefined);
    expect(upstream.state).toMatchObject({ era: "legacy", revision: "2025-06-18", status: "ready" });
    await upstream.call(
      makeCall("tools/call", { name: "echo", _meta: { traceparent: "00-1" } }, { wantsProgress: true }),
    );
    const call = calls(peer.seen)[0] as Received;
    const id = call.headers.get("mcp-session-id");
    expect(id).toStartWith("s-");
    expect(call.headers.get("mcp-protocol-version")).toBe("2025-06-18");
    expect(call.headers.get("mcp-method")).toBeNull();
    expect(call.params._meta).toEqual({ progressToken: call.id as number, traceparent: "00-1" });
    const methods = peer.seen
      .filter(({ headers }) => headers.get("mcp-session-id") === id)
      .map(({ method, http }) => method ?? http);
    expect(methods.slice(0, 2).sort()).toEqual(["GET", "notifications/initialized"].sort());
    await upstream.close();
    expect(peer.seen.filter(({ http }) => http === "DELETE").length).toBe(2);
  });

  test("declares to a call's session what the call's client declared, in known features only", async () => {
    const { peer, upstream } = await legacy(() => undefined);
    const capabilities: JsonObject = {
      elicitation: {},
      sampling: { tools: {}, "x-new": {} },
      experimental: {},
    };
    await upstream.call(toolCall("echo", {}, { client: { capabilities } }));
    const declared = peer.seen
      .filter(({ method }) => method === "initialize")
      .map(({ params }) => params.capabilities);
    expect(declared).toEqual([
      {
        elicitation: { form: {}, url: {} },
        sampling: { context: {}, tools: {} },
        roots: { listChanged: true },
      },
      { elicitation: { form: {} }, sampling: { tools: {} } },
    ]);
  });

  test("one the server has forgotten is opened anew and the call, which did not run, is sent again", async () => {
    for (const status of [404, 400]) {
      let forget = true;
      const ran: unknown[] = [];
      const { upstream } = await legacy((received) => {
        if (received.method !== "tools/call") return undefined;
        if (forget) {
          forget = false;
          return failure(null, -32000, "Bad Request: No valid session ID provided", status);
        }
        ran.push(received.params.name);
        return answer(received.id, text("ran"));
      });
      expect(textOf(await upstream.call(toolCall("echo")))).toBe("ran");
      expect(ran).toEqual(["echo"]);
      expect(upstream.counters.sessionsExpired).toBe(1);
      expect(upstream.state.breaker).toBe("closed");
      await closeAll();
    }
  });

  test("an error of the server with the call's own id is its answer, whatever the status", async () => {
    const { upstream } = await legacy(({ method, id }) =>
      method === "tools/call" ? failure(id, -32602, "bad", 400) : undefined,
    );
    expect(await upstream.call(toolCall("x"))).toMatchObject({ kind: "error", error: { code: -32602 } });
  });

  test("a batch is accepted as the answer", async () => {
    const { upstream } = await legacy(({ method, id }) =>
      method === "tools/call"
        ? Response.json([
            { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: 1 } },
            { jsonrpc: "2.0", id, result: text("batched") },
          ])
        : undefined,
    );
    const call = toolCall("x", {}, { client: { logLevel: "debug" } });
    expect(textOf(await upstream.call(call))).toBe("batched");
    expect(call.heard.length).toBe(1);
  });

  test("that an elicitation is complete, said on a call's own stream, is for that call; a cancelled question is nobody's", async () => {
    const complete = {
      jsonrpc: "2.0",
      method: "notifications/elicitation/complete",
      params: { elicitationId: "e1" },
    };
    const { upstream } = await legacy(({ method, id }) =>
      method === "tools/call"
        ? Response.json([
            complete,
            { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } },
            { jsonrpc: "2.0", id, result: text("done") },
          ])
        : undefined,
    );
    const call = toolCall("x");
    expect(textOf(await upstream.call(call))).toBe("done");
    expect(call.heard).toEqual([complete] as never);
    expect(upstream.counters.droppedMessages).toBe(1);
  });

  test("-32002 becomes -32602; -32042 becomes a URL elicitation that the retry answers", async () => {
    const elicitations = [{ mode: "url", elicitationId: "e1", url: "https://x.test/", message: "please" }];
    const { peer, upstream } = await legacy(({ method, id, params }) => {
      if (method === "resources/read") return failure(id, -32002, "Resource not found");
      if (method !== "tools/call") return undefined;
      return params.arguments === undefined ? failure(id, -32042, "URL", 200, { elicitations }) : undefined;
    });
    expect(await upstream.call(makeCall("resources/read", { uri: "a://b" }))).toMatchObject({
      error: { code: -32602 },
    });
    const client = { capabilities: { elicitation: { url: {} } } };
    expect(await upstream.call(makeCall("tools/call", { name: "x" }, { client }))).toMatchObject({
      result: {
        resultType: "input_required",
        inputRequests: { e1: { method: "elicitation/create", params: elicitations[0] } },
      },
    });
    expect(await codeOf(upstream.call(makeCall("tools/call", { name: "x" })))).toBe("client_cannot_answer");
    const older = { ...client, era: "legacy" as const };
    expect(await upstream.call(makeCall("tools/call", { name: "x" }, { client: older }))).toMatchObject({
      error: { code: -32042, data: { elicitations } },
    });
    const inputResponses = { e1: { action: "accept" } };
    await upstream.call(makeCall("tools/call", { name: "x", arguments: {}, inputResponses }, { client }));
    expect(calls(peer.seen).at(-1)?.params).toEqual({ name: "x", arguments: {} });
  });

  test("the log level is the most verbose anybody asked for; each call hears its own", async () => {
    const levels: unknown[] = [];
    const { upstream } = await legacy(({ method, id, params }) => {
      if (method === "initialize") {
        const result = { protocolVersion: "2025-06-18", capabilities: { logging: {}, tools: {} } };
        return answer(id, result, { "mcp-session-id": "one" });
      }
      if (method === "logging/setLevel") {
        levels.push(params.level);
        return answer(id, {});
      }
      if (method !== "tools/call") return undefined;
      const stream = eventStream();
      for (const level of ["debug", "info", "error"])
        stream.send({ jsonrpc: "2.0", method: "notifications/message", params: { level, data: level } });
      stream.send({ jsonrpc: "2.0", id, result: text("ok") });
      stream.end();
      return stream.response;
    });
    const heard = async (logLevel: "error" | "info" | undefined) => {
      const call = toolCall("x", {}, { client: { logLevel } });
      await upstream.call(call);
      return call.heard.map(({ params }) => params?.data);
    };
    expect(await heard("error")).toEqual(["error"]);
    expect(await heard("info")).toEqual(["info", "error"]);
    expect(await heard("error")).toEqual(["error"]);
    expect(await heard(undefined)).toEqual([]);
    expect(levels).toEqual(["error", "info"]);
  });
});

describe("questions", () => {
  const capabilities = { elicitation: { form: {} } };

  test("on a call's own stream are that call's; the answer is posted, and the server's clock stands still meanwhile", async () => {
    const open = new Map<unknown, EventStream>();
    const { peer, upstream } = await legacy(
      ({ method, id, body }) => {
        if (method === "tools/call") {
          const stream = eventStream();
          open.set("q1", stream);
          stream.send({
            jsonrpc: "2.0",
            id: "q1",
            method: "elicitation/create",
            params: { message: "name?" },
          });
          open.set(id, stream);
          return stream.response;
        }
        if (method === undefined && id === "q1") {
          const stream = open.get("q1");
          const callId = [...open.keys()].find((key) => typeof key === "number");
          stream?.send({ jsonrpc: "2.0", id: callId, result: text(JSON.stringify(body.result)) });
          stream?.end();
          return new Response(null, { status: 202 });
        }
        return undefined;
      },
      { timeoutMs: 300 },
    );
    const asked: unknown[] = [];
    const call = toolCall(
      "x",
      {},
      {
        client: { capabilities },
        ask: async (requests) => {
          asked.push(requests);
          await Bun.sleep(500);
          return { "elicitation/create": { action: "accept", content: { name: "n" } } };
        },
      },
    );
    expect(textOf(await upstream.call(call))).toBe('{"action":"accept","content":{"name":"n"}}');
    expect(asked).toEqual([
      { "elicitation/create": { method: "elicitation/create", params: { message: "name?" } } },
    ]);
    expect(peer.seen.some(({ method }) => method === "notifications/cancelled")).toBe(false);
  });

  test("outside any stream in a shared session are refused, and nobody hears them", async () => {
    const gets: EventStream[] = [];
    const answers: JsonObject[] = [];
    let finish: (() => void) | undefined;
    const { upstream } = await legacy(({ method, http, id, body }) => {
      if (http === "GET") {
        const stream = eventStream();
        gets.push(stream);
        return stream.response;
      }
      if (method === "tools/call") {
        const stream = eventStream();
        finish = () => stream.send({ jsonrpc: "2.0", id, result: text("ok") });
        return stream.response;
      }
      if (method === undefined && id === "q") answers.push(body);
      return undefined;
    });
    const call = toolCall("x", {}, { client: { capabilities } });
    const ended = upstream.call(call);
    await until(() => finish !== undefined && gets.length === 2);
    gets[1]?.send({
      jsonrpc: "2.0",
      method: "notifications/message",
      params: { level: "error", data: "secret" },
    });
    gets[1]?.send({ jsonrpc: "2.0", id: "q", method: "elicitation/create", params: { message: "?" } });
    await until(() => answers.length === 1);
    finish?.();
    await ended;
    expect(answers[0]?.error).toMatchObject({ code: -32601 });
    expect(call.heard).toEqual([]);
    expect(upstream.counters.droppedMessages).toBeGreaterThan(0);
  });

  test("outside any stream in a private session go to its one call, or to the listener of its owner", async () => {
    const gets = new Map<string, EventStream>();
    const answers: JsonObject[] = [];
    const { upstream } = await legacy(
      ({ method, http, headers, id, body }) => {
        const session = headers.get("mcp-session-id") ?? "";
        if (http === "GET") {
          const stream = eventStream();
          gets.set(session, stream);
          return stream.response;
        }
        if (method === "tools/call") return answer(id, text(session));
        if (method === undefined) answers.push(body);
        return undefined;
      },
      { sharing: "per_principal" },
    );
    const heard: string[] = [];
    const listener = (principalId: string) => ({
      principalId,
      sessionId: "s",
      notify: () => void heard.push(`${principalId} notified`),
      ask: async () => {
        heard.push(`${principalId} asked`);
        return { "elicitation/create": { action: "decline" } };
      },
    });
    const release = upstream.listen(listener("key:1"));
    upstream.listen(listener("key:2"));
    const mine = textOf(await upstream.call(toolCall("x", {}, { client: { capabilities } })));
    const others = textOf(
      await upstream.call(toolCall("x", {}, { client: { capabilities }, principalId: "key:2" })),
    );
    expect(mine).not.toBe(others);
    await until(() => gets.has(mine));
    gets
      .get(mine)
      ?.send({ jsonrpc: "2.0", method: "notifications/message", params: { level: "error", data: 1 } });
    gets.get(mine)?.send({ jsonrpc: "2.0", id: "q", method: "elicitation/create", params: {} });
    await until(() => answers.length === 1);
    expect(heard).toEqual(["key:1 notified", "key:1 asked"]);
    expect(answers[0]?.result).toEqual({ action: "decline" });
    release();
    gets.get(mine)?.send({ jsonrpc: "2.0", id: "q2", method: "elicitation/create", params: {} });
    await until(() => answers.length === 2);
    expect(answers[1]?.error).toBeDefined();
  });

  test("the catalog's own session says that there are no roots and refuses the rest", async () => {
    const answers: JsonObject[] = [];
    let get: EventStream | undefined;
    await legacy(({ method, http, body }) => {
      if (http === "GET") {
        get = eventStream();
        return get.response;
      }
      if (method === undefined) answers.push(body);
      return undefined;
    });
    await until(() => get !== undefined);
    get?.send({ jsonrpc: "2.0", id: 1, method: "roots/list" });
    get?.send({ jsonrpc: "2.0", id: 2, method: "sampling/createMessage", params: {} });
    get?.send({ jsonrpc: "2.0", id: 3, method: "ping" });
    await until(() => answers.length === 3);
    const byId = Object.fromEntries(answers.map((body) => [String(body.id), body]));
    expect(byId["1"]?.result).toEqual({ roots: [] });
    expect(byId["2"]?.error).toBeDefined();
    expect(byId["3"]?.result).toEqual({});
  });
});
