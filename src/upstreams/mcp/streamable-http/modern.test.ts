import { afterEach, describe, expect, test } from "bun:test";
import { parseMessage } from "../../../protocol/json.ts";
import type { JsonObject } from "../../../protocol/json-value.ts";
import {
  answer,
  closeAll,
  codeOf,
  type EventStream,
  echoTool,
  eventStream,
  failure,
  makeCall,
  makeUpstream,
  type Received,
  scripted,
  started,
  textOf,
  toolCall,
  until,
} from "../upstream-harness.testing.ts";

afterEach(closeAll);

const last = (seen: readonly Received[]): Received => seen.at(-1) as Received;
const meta = (received: Received): JsonObject => received.params._meta as JsonObject;

/** A modern upstream whose tools/call is scripted. */
async function modern(
  onCall: (received: Received, request: Request) => Response | undefined | Promise<Response | undefined>,
  changes: Parameters<typeof makeUpstream>[1] = {},
) {
  const peer = scripted((received, request) =>
    received.method === "tools/call" ? onCall(received, request) : undefined,
  );
  return { peer, upstream: await started(makeUpstream(peer.url, { maxRetries: 0, ...changes })) };
}

describe("what a 2026-07-28 server gets", () => {
  test("headers: constant ones, the mirrored ones of this call, credential and fixed headers", async () => {
    const { peer, upstream } = await modern(() => undefined, {
      http: {
        auth: { header: "Authorization", value: "Bearer t" },
        headers: { "X-Team": "a", "Mcp-Name": "forged", Host: "forged" },
      },
    });
    const inputSchema: JsonObject = {
      type: "object",
      properties: { region: { type: "string", "x-mcp-header": "Region" } },
    };
    await upstream.call(toolCall("écho", { region: "Zürich" }, { inputSchema }));
    const { headers } = last(peer.seen);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "=?base64?w6ljaG8=?=",
      "mcp-param-region": "=?base64?WsO8cmljaA==?=",
      authorization: "Bearer t",
      "x-team": "a",
      host: `127.0.0.1:${peer.port}`,
    });
  });

  test("_meta: the hop's own keys in front of the client's unknown ones; capabilities reduced to what is relayed", async () => {
    const { peer, upstream } = await modern(() => undefined);
    const capabilities: JsonObject = {
      elicitation: { url: {}, "x-new": {} },
      tasks: {},
      experimental: { a: {} },
      extensions: { "io.modelcontextprotocol/ui": { mimeTypes: ["a"] }, "io.modelcontextprotocol/tasks": {} },
    };
    const params = { name: "echo", arguments: { a: 1 }, _meta: { traceparent: "00-1", "x/y": { z: [1] } } };
    await upstream.call(
      makeCall("tools/call", params, { client: { capabilities, logLevel: "warning" }, wantsProgress: true }),
    );
    expect(meta(last(peer.seen))).toEqual({
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {
        elicitation: { url: {}, "x-new": {} },
        extensions: { "io.modelcontextprotocol/ui": { mimeTypes: ["a"] } },
      },
      "io.modelcontextprotocol/clientInfo": { name: "client", version: "1" },
      "io.modelcontextprotocol/logLevel": "warning",
      progressToken: last(peer.seen).id as number,
      traceparent: "00-1",
      "x/y": { z: [1] },
    });
    expect(params._meta).toEqual({ traceparent: "00-1", "x/y": { z: [1] } });
    await upstream.call(toolCall("echo", {}, { client: { info: undefined } }));
    expect(meta(last(peer.seen))["io.modelcontextprotocol/clientInfo"]).toEqual({
      name: "gateway",
      version: "1.0.0",
    });
  });

  test("numbers and key order of the source text survive in both directions", async () => {
    let sent = "";
    const peer = Bun.serve({
      port: 0,
      async fetch(request) {
        const text = await request.text();
        const { id, method } = JSON.parse(text) as { id: number; method: string };
        if (method === "server/discover")
          return answer(id, { supportedVersions: ["2026-07-28"], capabilities: {}, resultType: "complete" });
        sent = text;
        return new Response(
          `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":{"b":1,"2":9007199254740993,"1":1.0}}}`,
          { headers: { "content-type": "application/json" } },
        );
      },
    });
    const upstream = await started(makeUpstream(`http://127.0.0.1:${peer.port}/`));
    const source = '{"params":{"name":"echo","arguments":{"n":12345678901234567890,"10":1,"9":2}}}';
    const { value, exact } = parseMessage(source);
    const outcome = await upstream.call(makeCall("tools/call", value.params as JsonObject, { exact }));
    peer.stop(true);
    expect(sent).toContain('"arguments":{"n":12345678901234567890,"10":1,"9":2}');
    expect(outcome).toMatchObject({ kind: "result", exact: true });
  });
});

describe("what it may answer", () => {
  test("input_required is an outcome, unknown members included", async () => {
    const result = { resultType: "input_required", requestState: "s", inputRequests: {}, "x-unknown": [1] };
    const { upstream } = await modern(({ id }) => answer(id, result));
    expect(await upstream.call(toolCall("echo"))).toMatchObject({ kind: "result", result });
  });

  test("a stream: progress without our token, log messages of the level asked for, then the result", async () => {
    const { upstream } = await modern(({ id, params }) => {
      const stream = eventStream();
      const token = (params._meta as JsonObject).progressToken;
      stream.raw(": keep-alive\n\nid: 1\ndata:\n\n");
      stream.send({
        jsonrpc: "2.0",
        method: "notifications/progress",
        params: { progressToken: token, progress: 1, total: 2 },
      });
      stream.send({
        jsonrpc: "2.0",
        method: "notifications/progress",
        params: { progressToken: "another's", progress: 9 },
      });
      stream.send({
        jsonrpc: "2.0",
        method: "notifications/message",
        params: { level: "debug", data: "no" },
      });
      stream.send({
        jsonrpc: "2.0",
        method: "notifications/message",
        params: { level: "error", data: "yes" },
      });
      stream.send({ jsonrpc: "2.0", id: "q", method: "elicitation/create", params: {} });
      stream.send({
        jsonrpc: "2.0",
        id,
        result: { resultType: "complete", content: [{ type: "text", text: "done" }] },
      });
      stream.end();
      return stream.response;
    });
    const call = toolCall("echo", {}, { wantsProgress: true, client: { logLevel: "warning" } });
    expect(textOf(await upstream.call(call))).toBe("done");
    expect(call.heard).toEqual([
      { jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1, total: 2 } },
      { jsonrpc: "2.0", method: "notifications/message", params: { level: "error", data: "yes" } },
    ]);
    expect(upstream.counters.droppedMessages).toBe(2);
  });

  test("the answer on a stream is not held back until the stream ends", async () => {
    let stream: EventStream | undefined;
    const { upstream } = await modern(({ id }) => {
      stream = eventStream();
      stream.send({ jsonrpc: "2.0", id, result: { content: [] } });
      return stream.response;
    });
    const startedAt = Date.now();
    await upstream.call(toolCall("echo"));
    expect(Date.now() - startedAt).toBeLessThan(500);
    stream?.end();
  });

  test("JSON-RPC errors are relayed, at HTTP 200 and in the body of a 4xx", async () => {
    for (const status of [200, 400, 404, 500]) {
      const { upstream } = await modern(({ id }) => failure(id, -32602, "Unknown tool", status, { a: 1 }));
      expect(await upstream.call(toolCall("x"))).toMatchObject({
        kind: "error",
        error: { code: -32602, message: "Unknown tool", data: { a: 1 } },
      });
      expect(upstream.state.breaker).toBe("closed");
      await closeAll();
    }
  });

  test("-32021 is translated: the client hears of what it did not declare itself, and of nothing else", async () => {
    const data = { requiredCapabilities: { elicitation: { url: {} }, tasks: {} } };
    const { upstream } = await modern(({ id }) => failure(id, -32021, "their words", 400, data));
    const thrown = await upstream.call(toolCall("x")).catch((error: unknown) => error);
    expect(thrown).toMatchObject({
      code: "missing_client_capability",
      data: { requiredCapabilities: { elicitation: { url: {} } } },
    });
    const able = { capabilities: { elicitation: { url: {} } } };
    expect(await codeOf(upstream.call(toolCall("x", {}, { client: able })))).toBe("client_cannot_answer");
  });

  test("-32020 is our fault: not relayed, and the lists are read again", async () => {
    const { peer, upstream } = await modern(({ id }) => failure(id, -32020, "header", 400));
    const before = peer.seen.filter(({ method }) => method === "tools/list").length;
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_protocol_error");
    await until(() => peer.seen.filter(({ method }) => method === "tools/list").length > before);
  });

  test.each([401, 403, 429, 500, 503])("HTTP %d is upstream_refused", async (status) => {
    const { upstream } = await modern(() => new Response("no", { status }));
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_refused");
  });

  const garbage: Record<string, (received: Received) => Response> = {
    "another id": () => answer(999, { content: [] }),
    "no JSON": () => new Response("{oops", { headers: { "content-type": "application/json" } }),
    "HTML at 200": () => new Response("<html>", { headers: { "content-type": "text/html" } }),
    "an array": ({ id }) => Response.json([{ jsonrpc: "2.0", id, result: {} }, 1]),
    "neither result nor error": ({ id }) => Response.json({ jsonrpc: "2.0", id }),
    "202 to a request": () => new Response(null, { status: 202 }),
    "a redirect": () => new Response(null, { status: 302, headers: { location: "http://127.0.0.1:1/" } }),
    __proto__: ({ id }) =>
      new Response(`{"jsonrpc":"2.0","id":${String(id)},"result":{"__proto__":{}}}`, {
        headers: { "content-type": "application/json" },
      }),
  };
  for (const [name, response] of Object.entries(garbage)) {
    test(`garbage is upstream_protocol_error: ${name}`, async () => {
      const { upstream } = await modern(response);
      expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_protocol_error");
    });
  }

  test("a stream that ends without the answer is upstream_lost", async () => {
    const { upstream } = await modern(() => {
      const stream = eventStream();
      stream.raw("id: 5\ndata:\n\n");
      stream.end();
      return stream.response;
    });
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_lost");
  });

  test("an answer over the limit is result_too_large, as a body and on a stream", async () => {
    const big = "x".repeat(300_000);
    const limits = { resultBytesMax: 100_000 };
    const body = await modern(({ id }) => answer(id, { content: [], big }), { deps: { limits } });
    expect(await codeOf(body.upstream.call(toolCall("x")))).toBe("result_too_large");
    const streamed = await modern(
      ({ id }) => {
        const stream = eventStream();
        stream.send({ jsonrpc: "2.0", id, result: { big } });
        return stream.response;
      },
      { deps: { limits } },
    );
    expect(await codeOf(streamed.upstream.call(toolCall("x")))).toBe("result_too_large");
    expect(streamed.upstream.state.breaker).toBe("closed");
  });
});

test("cancelling a call closes its stream, which is how a modern server learns of it", async () => {
  let gone = false;
  const { upstream } = await modern((_, request) => {
    request.signal.addEventListener("abort", () => {
      gone = true;
    });
    return eventStream().response;
  });
  const call = toolCall("x");
  const ended = codeOf(upstream.call(call));
  await Bun.sleep(30);
  call.cancellation.cancel("client_gone");
  expect(await ended).toBe("call_cancelled");
  await until(() => gone);
});

describe("subscriptions/listen", () => {
  /** A server that acknowledges what it is asked and keeps its streams for the test. */
  async function listening(honour = (uris: readonly string[]) => uris) {
    const streams: { stream: EventStream; id: unknown; filter: JsonObject; open: boolean }[] = [];
    let tools: JsonObject[] = [echoTool];
    const peer = scripted(({ method, id, params }, request) => {
      if (method === "server/discover") {
        const capabilities = { tools: { listChanged: true }, resources: { subscribe: true } };
        return answer(id, { supportedVersions: ["2026-07-28"], capabilities });
      }
      if (method === "tools/list") return answer(id, { tools });
      if (method !== "subscriptions/listen") return undefined;
      const filter = params.notifications as JsonObject;
      const entry = { stream: eventStream(), id, filter, open: true };
      request.signal.addEventListener("abort", () => {
        entry.open = false;
      });
      streams.push(entry);
      const uris = honour((filter.resourceSubscriptions ?? []) as string[]);
      const notifications = { ...filter, resourceSubscriptions: [...uris] };
      entry.stream.send({
        jsonrpc: "2.0",
        method: "notifications/subscriptions/acknowledged",
        params: { notifications },
      });
      return entry.stream.response;
    });
    const upstream = await started(makeUpstream(peer.url, { deps: { limits: { listChangedDelayMs: 5 } } }));
    await until(() => streams.length === 1);
    return { upstream, streams, setTools: (changed: JsonObject[]) => void (tools = changed) };
  }

  test("list_changed makes the lists be read again; several at once make one reading", async () => {
    const { upstream, streams, setTools } = await listening();
    expect(streams[0]?.filter).toEqual({ toolsListChanged: true });
    const version = upstream.lists?.version;
    const before = upstream.counters.listRefreshes;
    setTools([echoTool, { name: "new", inputSchema: { type: "object" } }]);
    for (let i = 0; i < 5; i++)
      streams[0]?.stream.send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
    await until(() => upstream.lists?.tools.length === 2);
    expect(upstream.lists?.version).not.toBe(version);
    expect(upstream.counters.listRefreshes - before).toBeLessThanOrEqual(2);
  });

  test("a stream that breaks is opened anew, and what may have been missed is read", async () => {
    const { upstream, streams, setTools } = await listening();
    setTools([]);
    streams[0]?.stream.end();
    await until(() => streams.length === 2);
    await until(() => upstream.lists?.tools.length === 0);
  });

  test("subscribing waits for the acknowledgement, counts, and never leaves a gap", async () => {
    const { upstream, streams } = await listening();
    const updated: unknown[] = [];
    upstream.onEvent((event) => {
      if (event.kind === "resource_updated") updated.push(event.params.uri);
    });
    const [first, second] = await Promise.all([
      upstream.subscribeResource("test://a"),
      upstream.subscribeResource("test://a"),
    ]);
    expect(streams.at(-1)?.filter.resourceSubscriptions).toEqual(["test://a"]);
    await until(() => streams[0]?.open === false);
    streams.at(-1)?.stream.send({
      jsonrpc: "2.0",
      method: "notifications/resources/updated",
      params: { uri: "test://a" },
    });
    await until(() => updated.length === 1);
    const count = streams.length;
    first();
    first();
    await Bun.sleep(40);
    expect(streams.length).toBe(count);
    second();
    await until(() => streams.length === count + 1);
    expect(streams.at(-1)?.filter.resourceSubscriptions).toBeUndefined();
  });

  test("a subscription the server does not honour is refused", async () => {
    const { upstream } = await listening(() => []);
    expect(await codeOf(upstream.subscribeResource("test://b"))).toBe("method_unknown");
  });
});
