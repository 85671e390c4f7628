import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { type Answering, said, tool } from "../../src/model/ports/in-process-upstream.testing.ts";
import { samplePrincipal } from "../../src/model/sample-exchange.testing.ts";
import { endListenStreams, openListenStreams } from "../../src/transports/streamable-http/listen.ts";
import { ALICE, Events, HttpGateway, MODERN, until } from "./http-gateway.ts";

const offer = {
  tools: [tool("echo")],
  prompts: [{ name: "greet" }],
  resources: [{ uri: "test://1" }, { uri: "test://2" }],
};
const answering = (answer: Answering, options = {}) =>
  new HttpGateway([{ name: "s", offer, answer }], options);
const progress = (value: number) => ({
  jsonrpc: "2.0" as const,
  method: "notifications/progress",
  params: { progress: value, total: 3 },
});
const logged = (level: string) => ({
  jsonrpc: "2.0" as const,
  method: "notifications/message",
  params: { level, data: "words" },
});
const logLevelKey = "io.modelcontextprotocol/logLevel";
const subscriptionKey = "io.modelcontextprotocol/subscriptionId";
const call = { name: "s__echo" };

describe("an answer becomes a stream when something has to be said before its end", () => {
  const talking: Answering = (own) => {
    for (const value of [1, 2, 3]) own.notify(progress(value));
    own.notify(logged("debug"));
    own.notify(logged("error"));
    return said("done")(own);
  };

  test("progress carries the client's own token, before the result", async () => {
    await using http = answering(talking);
    for (const token of ["progress-test-1", 7]) {
      const response = await http.modern("tools/call", call, { id: "r", meta: { progressToken: token } });
      expect(response.headers.get("content-type")).toBe("text/event-stream");
      const messages = await new Events(response).rest();
      expect(messages.map(({ params, result }) => (result ? "result" : params))).toEqual([
        { progress: 1, total: 3, progressToken: token },
        { progress: 2, total: 3, progressToken: token },
        { progress: 3, total: 3, progressToken: token },
        "result",
      ] as never);
      expect(messages[3]?.id).toBe("r");
    }
  });

  test("without a token and a log level there is nothing to say: one JSON answer", async () => {
    await using http = answering(talking);
    const response = await http.modern("tools/call", call);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toMatchObject({ result: { content: [{ text: "done" }] } });
  });

  test("log messages from the level asked for", async () => {
    await using http = answering(talking);
    const levels = async (level: string) =>
      (
        await new Events(await http.modern("tools/call", call, { meta: { [logLevelKey]: level } })).rest()
      ).flatMap(({ params }) => (params as { level?: string } | undefined)?.level ?? []);
    expect(await levels("debug")).toEqual(["debug", "error"]);
    expect(await levels("warning")).toEqual(["error"]);
  });

  test("a client that takes no streams gets the answer alone", async () => {
    await using http = answering(talking);
    const headers = { accept: "application/json" };
    const response = await http.modern("tools/call", call, { meta: { progressToken: 1 }, headers });
    expect(response.headers.get("content-type")).toBe("application/json");
    expect((await response.json()) as object).toHaveProperty("result");
  });

  test("each message is one data line, whatever it holds", async () => {
    await using http = answering((own) => {
      own.notify({ ...progress(1), params: { progress: 1, message: "two\nlines\r\nand\u2028more" } });
      return said("a\nb")(own);
    });
    const events = new Events(await http.modern("tools/call", call, { meta: { progressToken: 1 } }));
    expect(await events.rest()).toHaveLength(2);
    const lines = events.raw.split("\n").filter((line) => line.startsWith("data:"));
    expect(lines).toHaveLength(2);
    for (const line of lines) JSON.parse(line.slice(5));
  });

  test("an error that comes before anything is said has its status, one after does not", async () => {
    const failing = {
      kind: "error",
      error: { code: -32021, message: "m", data: { requiredCapabilities: {} } },
      exact: false,
    } as const;
    await using http = answering((own) => {
      own.notify(progress(1));
      return failing;
    });
    expect((await http.modern("tools/call", call)).status).toBe(400);
    const streamed = await http.modern("tools/call", call, { meta: { progressToken: 1 } });
    expect(streamed.status).toBe(200);
    expect((await new Events(streamed).rest()).at(-1)?.error?.code).toBe(-32021);
  });

  test("a legacy client hears of everything until it sets a level", async () => {
    await using http = answering(talking);
    const client = await http.legacy();
    const heard = async () =>
      (
        await new Events(
          await client.request("tools/call", { ...call, _meta: { progressToken: "p" } }),
        ).rest()
      ).map(({ method, params, result }) =>
        result
          ? "result"
          : `${method} ${(params as { level?: string; progressToken?: string }).level ?? (params as { progressToken?: string }).progressToken}`,
      );
    expect(await heard()).toEqual([
      ...[1, 2, 3].map(() => "notifications/progress p"),
      "notifications/message debug",
      "notifications/message error",
      "result",
    ]);
    await client.request("logging/setLevel", { level: "error" });
    expect((await heard()).slice(3)).toEqual(["notifications/message error", "result"]);
  });

  test("long silence is broken by comments, which no reader takes for messages", async () => {
    await using http = answering(
      async (own) => {
        await Bun.sleep(900);
        return said("done")(own);
      },
      { keepAliveMs: 100 },
    );
    const events = new Events(await http.modern("tools/call", call));
    expect(await events.rest()).toHaveLength(1);
    expect(events.raw.match(/^:$/gm)?.length).toBeGreaterThanOrEqual(2);
  });
});

describe("a client that goes away", () => {
  const waiting = (): Answering => (own) =>
    new Promise((resolve) => {
      own.cancellation.onCancel(() =>
        resolve({ kind: "error", error: { code: 1, message: "gone" }, exact: false }),
      );
    });

  test("cancels a modern call, whether anything was said or not", async () => {
    for (const speaks of [false, true]) {
      await using http = answering((own) => {
        if (speaks) own.notify(progress(1));
        return waiting()(own);
      });
      const upstream = http.inner.upstream("s");
      const abort = new AbortController();
      const response = http.modern("tools/call", call, { meta: { progressToken: 1 }, signal: abort.signal });
      response.catch(() => {});
      await until("the call is there", () => upstream.calls.length === 1);
      if (speaks) await response;
      else await Bun.sleep(600);
      abort.abort();
      await until("the call is cancelled", () => upstream.calls[0]?.cancellation.reason === "client_gone");
      await until("nobody waits", () => http.waiting.size === 0);
      expect(http.inner.records().map(({ kind }) => kind)).toEqual(["call_intent", "call_outcome"]);
    }
  });

  test("leaves early, before the wait is noticed, and is noticed all the same", async () => {
    await using http = answering(waiting());
    const upstream = http.inner.upstream("s");
    const abort = new AbortController();
    http.modern("tools/call", call, { signal: abort.signal }).catch(() => {});
    await until("the call is there", () => upstream.calls.length === 1);
    abort.abort();
    await until("the call is cancelled", () => upstream.calls[0]?.cancellation.reason === "client_gone");
  });

  test("cancels nothing in a session: the call ends, and its answer waits to be fetched", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    await using http = answering(async (own) => {
      own.notify(progress(1));
      await promise;
      return said("kept")(own);
    });
    const client = await http.legacy();
    const abort = new AbortController();
    const params = { ...call, _meta: { progressToken: "p" } };
    const events = new Events(await client.request("tools/call", params, { id: 4, signal: abort.signal }));
    const primer = await events.next();
    expect([primer?.data, primer?.retry]).toEqual(["", 1_000]);
    const first = await events.next();
    expect(JSON.parse(first?.data ?? "")).toMatchObject({ params: { progress: 1 } });
    abort.abort();
    await Bun.sleep(50);
    expect(http.inner.upstream("s").calls[0]?.cancellation.cancelled).toBe(false);
    const resumed = new Events(await client.get({ headers: { "last-event-id": first?.id ?? "" } }));
    resolve();
    const rest = await resumed.rest();
    expect(rest).toMatchObject([{ id: 4, result: { content: [{ text: "kept" }] } }]);
    const again = new Events(await client.get({ headers: { "last-event-id": primer?.id ?? "" } }));
    expect((await again.rest()).map(({ method, id }) => method ?? id)).toEqual([
      "notifications/progress",
      4,
    ] as never);
  });
});

describe("event ids", () => {
  const speaking: Answering = (own) => {
    own.notify(progress(1));
    return said("x")(own);
  };
  const params = { ...call, _meta: { progressToken: "p" } };
  test.each([
    ["2025-11-25", true, true],
    ["2025-06-18", false, true],
    ["2025-03-26", false, true],
    ["2024-11-05", false, false],
  ])("%s: primed %p, numbered %p", async (revision, primed, numbered) => {
    await using http = answering(speaking);
    const client = await http.legacy({ revision });
    const events = new Events(await client.request("tools/call", params));
    const first = await events.next();
    expect(first?.data === "").toBe(primed);
    expect(first?.id !== undefined).toBe(numbered);
  });

  test("are of one stream and one session each", async () => {
    await using http = answering(speaking);
    const client = await http.legacy();
    const other = await http.legacy();
    const events = new Events(await client.request("tools/call", params));
    const ids: string[] = [];
    for (let one = await events.next(); one !== undefined; one = await events.next()) ids.push(one.id ?? "");
    expect(new Set(ids).size).toBe(3);
    const second = new Events(await client.request("tools/call", params, { id: 2 }));
    expect(ids).not.toContain((await second.next())?.id);
    const foreign = await other.get({ headers: { "last-event-id": ids[0] as string } });
    expect(foreign.status).toBe(400);
    for (const bad of ["", "x", "1-2-3", "99-1", "-1-1", `${ids[0]}x`]) {
      const response = await client.get({ headers: { "last-event-id": bad } });
      expect([bad, response.status]).toEqual([bad, bad === "" ? response.status : 400]);
      await response.body?.cancel();
    }
  });

  test("of a modern stream there are none: it cannot be resumed", async () => {
    await using http = answering(speaking);
    const events = new Events(await http.modern("tools/call", call, { meta: { progressToken: 1 } }));
    expect((await events.next())?.id).toBeUndefined();
  });
});

describe("a session's own stream", () => {
  test("carries changes, updates, and what no call carries; a new one takes its place", async () => {
    await using http = answering(said("x"));
    const client = await http.legacy();
    const first = new Events(await client.get());
    await client.request("resources/subscribe", { uri: "test://1" });
    const upstream = http.inner.upstream("s");
    await until("the session listens", () => upstream.sessionListeners.size === 1);
    upstream.change({ ...offer, tools: [tool("other")] });
    upstream.updated("test://1");
    upstream.updated("test://2");
    for (const listener of upstream.sessionListeners) listener.notify(logged("info"));
    expect([
      (await first.message())?.method,
      (await first.message())?.method,
      (await first.message())?.method,
    ]).toEqual([
      "notifications/tools/list_changed",
      "notifications/resources/updated",
      "notifications/message",
    ]);
    const second = new Events(await client.get());
    expect(await first.rest()).toEqual([]);
    upstream.updated("test://1");
    expect((await second.message())?.method).toBe("notifications/resources/updated");
    expect(upstream.sessionListeners.size).toBe(1);
    await client.delete();
    expect(await second.rest()).toEqual([]);
    expect([upstream.sessionListeners.size, upstream.subscribed, http.inner.gateway.subscriptions]).toEqual([
      0,
      [],
      0,
    ]);
  });

  test("is resumed with what came in between", async () => {
    await using http = answering(said("x"));
    const client = await http.legacy();
    const abort = new AbortController();
    const first = new Events(await client.get({ signal: abort.signal }));
    const primer = await first.next();
    const upstream = http.inner.upstream("s");
    abort.abort();
    await Bun.sleep(30);
    upstream.change({ ...offer, tools: [tool("other")] });
    const second = new Events(await client.get({ headers: { "last-event-id": primer?.id ?? "" } }));
    expect((await second.message())?.method).toBe("notifications/tools/list_changed");
    upstream.change(offer);
    expect((await second.message())?.method).toBe("notifications/tools/list_changed");
    await second.cancel();
  });

  test("that its reader left is let go, with all it listens to, and the session with it", async () => {
    await using http = answering(said("x"), { sessionsMax: 1 });
    const client = await http.legacy();
    const abort = new AbortController();
    await client.get({ signal: abort.signal });
    const upstream = http.inner.upstream("s");
    expect([upstream.sessionListeners.size, http.inner.gateway.subscriptions]).toEqual([1, 1]);
    http.sessions.sweep();
    http.sessions.sweep();
    expect(upstream.sessionListeners.size).toBe(1);
    abort.abort();
    await Bun.sleep(50);
    http.sessions.sweep();
    expect(upstream.sessionListeners.size).toBe(1);
    http.sessions.sweep();
    expect([upstream.sessionListeners.size, http.inner.gateway.subscriptions]).toEqual([0, 0]);
    const again = new Events(await client.get());
    expect(http.inner.gateway.subscriptions).toBe(1);
    await again.cancel();
  });

  test.each(["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])(
    "of %s answers at once",
    async (revision) => {
      await using http = answering(said("x"));
      const client = await http.legacy({ revision });
      const startedAt = performance.now();
      const response = await client.get();
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
      expect(performance.now() - startedAt).toBeLessThan(1_000);
      await response.body?.cancel();
    },
  );

  test("needs a session, an Accept, and the session's caller", async () => {
    await using http = answering(said("x"));
    const client = await http.legacy();
    const status = async (headers: Record<string, string>) => {
      const response = await client.get({ headers });
      await response.body?.cancel();
      return response.status;
    };
    expect(await status({ accept: "application/json" })).toBe(406);
    expect(await status({ "mcp-session-id": "x" })).toBe(404);
    expect(await status({ authorization: "Bearer key-of-bob" })).toBe(404);
    expect((await http.send("GET", { accept: "text/event-stream" }, undefined)).status).toBe(405);
    expect(await status({})).toBe(200);
  });
});

describe("subscriptions/listen", () => {
  const all = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
  const listen = (
    http: HttpGateway,
    notifications: unknown,
    over: Parameters<HttpGateway["modern"]>[2] = {},
  ) =>
    http.modern(
      "subscriptions/listen",
      { notifications: notifications as never },
      { id: 1_790_000_000_123, ...over },
    );

  test("is acknowledged first, with what is honoured, and every message names the subscription", async () => {
    await using http = answering(said("x"));
    const wanted = { ...all, resourceSubscriptions: ["test://1", "nobody://x"] };
    const events = new Events(await listen(http, wanted));
    expect(await events.message()).toEqual({
      jsonrpc: "2.0",
      method: "notifications/subscriptions/acknowledged",
      params: {
        notifications: { ...all, resourceSubscriptions: ["test://1"] },
        _meta: { [subscriptionKey]: 1_790_000_000_123 },
      },
    });
    const upstream = http.inner.upstream("s");
    expect(upstream.subscribed).toEqual(["test://1"]);
    upstream.change({ ...offer, tools: [] });
    upstream.updated("test://1");
    expect(await events.message()).toMatchObject({
      method: "notifications/tools/list_changed",
      params: { _meta: { [subscriptionKey]: 1_790_000_000_123 } },
    });
    expect(await events.message()).toMatchObject({
      method: "notifications/resources/updated",
      params: { uri: "test://1", _meta: { [subscriptionKey]: 1_790_000_000_123 } },
    });
    await events.cancel();
  });

  test("carries only what was asked for and what the caller may see", async () => {
    const blind = samplePrincipal({ id: "key:blind", permissions: ["other:*"] });
    await using http = answering(said("x"), { principals: { blind } });
    const prompts = new Events(await listen(http, { promptsListChanged: true }));
    const nothing = new Events(
      await listen(http, { ...all, resourceSubscriptions: ["test://1"] }, { key: "blind" }),
    );
    await prompts.message();
    expect((await nothing.message())?.params).toMatchObject({ notifications: all });
    http.inner.upstream("s").change({ ...offer, tools: [], prompts: [] });
    expect((await prompts.message())?.method).toBe("notifications/prompts/list_changed");
    endListenStreams();
    expect((await prompts.rest()).map(({ method }) => method)).toEqual([undefined]);
    expect((await nothing.rest()).map(({ method }) => method)).toEqual([undefined]);
  });

  test("is acknowledged only when the server has taken the subscription; nothing in between is lost", async () => {
    await using http = answering(said("x"));
    const upstream = http.inner.upstream("s");
    const { promise, resolve } = Promise.withResolvers<() => void>();
    upstream.subscribeResource = () => promise;
    const response = listen(http, { toolsListChanged: true, resourceSubscriptions: ["test://1"] });
    let answered = false;
    response.then(() => {
      answered = true;
    });
    await Bun.sleep(100);
    expect(answered).toBe(false);
    resolve(() => {});
    const events = new Events(await response);
    expect((await events.message())?.method).toBe("notifications/subscriptions/acknowledged");
    await events.cancel();
  });

  test("ends with its result when the gateway ends it, and lets everything go when its client leaves", async () => {
    await using http = answering(said("x"));
    const events = new Events(await listen(http, { resourceSubscriptions: ["test://1"] }));
    await events.message();
    expect(openListenStreams()).toBe(1);
    http.waiting.interrupt();
    expect(await events.rest()).toEqual([
      {
        jsonrpc: "2.0",
        id: 1_790_000_000_123,
        result: { resultType: "complete", _meta: { [subscriptionKey]: 1_790_000_000_123 } },
      } as never,
    ]);
    const upstream = http.inner.upstream("s");
    expect([openListenStreams(), upstream.subscribed]).toEqual([0, []]);
    const abort = new AbortController();
    const left = new Events(
      await listen(http, { resourceSubscriptions: ["test://1"] }, { signal: abort.signal }),
    );
    await left.message();
    expect(upstream.subscribed).toEqual(["test://1"]);
    abort.abort();
    await until(
      "the subscription is released",
      () => upstream.subscribed.length === 0 && openListenStreams() === 0,
    );
  });

  test("lets go when its client leaves before the acknowledgement", async () => {
    await using http = answering(said("x"));
    const upstream = http.inner.upstream("s");
    const { promise, resolve } = Promise.withResolvers<void>();
    const subscribe = upstream.subscribeResource.bind(upstream);
    upstream.subscribeResource = (uri) => promise.then(() => subscribe(uri));
    const abort = new AbortController();
    listen(http, { resourceSubscriptions: ["test://1"] }, { signal: abort.signal }).catch(() => {});
    await until("it is open", () => openListenStreams() === 1);
    abort.abort();
    await Bun.sleep(50);
    resolve();
    await until("it is released", () => openListenStreams() === 0 && upstream.subscribed.length === 0);
  });

  test("keeps its connection through silence", async () => {
    await using http = answering(said("x"), { keepAliveMs: 300 });
    const events = new Events(await listen(http, all));
    await events.message();
    setTimeout(() => http.inner.upstream("s").change({ ...offer, tools: [] }), 1_200);
    expect((await events.message())?.method).toBe("notifications/tools/list_changed");
    expect(events.raw.match(/^:$/gm)?.length).toBeGreaterThanOrEqual(2);
    await events.cancel();
  });

  test("is refused without an Accept, with a wrong filter, and past the number of streams", async () => {
    await using http = answering(said("x"), { streamsMax: 1 });
    const refused = async (notifications: unknown, headers = {}) => {
      const response = await listen(http, notifications, { headers });
      const { error } = (await response.json()) as { error: { code: number } };
      return [response.status, error.code];
    };
    expect(await refused(all, { accept: "application/json" })).toEqual([406, 1007]);
    for (const wrong of [
      undefined,
      [],
      "all",
      { resourceSubscriptions: "test://1" },
      { resourceSubscriptions: [5] },
    ]) {
      expect(await refused(wrong)).toEqual([400, -32602]);
    }
    expect(
      await refused({ resourceSubscriptions: Array.from({ length: 1_001 }, (_, i) => `x:${i}`) }),
    ).toEqual([400, -32602]);
    const one = new Events(await listen(http, all));
    await one.message();
    expect(await refused(all)).toEqual([503, 1012]);
    await one.cancel();
    await until("it is gone", () => openListenStreams() === 0);
  });
});

describe("a reader that does not read", () => {
  test("is given at most a mebibyte of what may be lost, and its answer in the end", async () => {
    const text = "x".repeat(10_000);
    let sent = 0;
    await using http = answering(async (own) => {
      for (let i = 0; i < 3_000; i++) {
        own.notify({ ...progress(i), params: { progress: i, message: text } });
        sent++;
        if (i % 100 === 0) await Bun.sleep(0);
      }
      return said("the end")(own);
    });
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: {
        ...call,
        _meta: {
          progressToken: 1,
          "io.modelcontextprotocol/protocolVersion": MODERN,
          "io.modelcontextprotocol/clientCapabilities": {},
        },
      },
    });
    const head = [
      "POST /mcp HTTP/1.1",
      `host: localhost:${http.port}`,
      `authorization: Bearer ${ALICE}`,
      "content-type: application/json",
      "accept: application/json, text/event-stream",
      `mcp-protocol-version: ${MODERN}`,
      "mcp-method: tools/call",
      "mcp-name: s__echo",
      `content-length: ${body.length}`,
      "connection: close",
    ].join("\r\n");
    const socket = connect(http.port, "127.0.0.1");
    socket.pause();
    socket.write(`${head}\r\n\r\n${body}`);
    await until("everything is said", () => sent === 3_000);
    await Bun.sleep(100);
    let received = "";
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
    });
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
    const count = received.match(/notifications\/progress/g)?.length ?? 0;
    expect(received).toContain("the end");
    expect(count).toBeGreaterThan(10);
    // 3,000 of 10 kB were said; what the operating system's own buffers took is past our bound.
    expect(count).toBeLessThan(1_500);
  });

  test("of a session keeps the newest 256 events at most", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    await using http = answering(async (own) => {
      own.notify(progress(0));
      await promise;
      for (let i = 1; i <= 1_000; i++) own.notify(progress(i));
      return said("the end")(own);
    });
    const client = await http.legacy();
    const abort = new AbortController();
    const params = { ...call, _meta: { progressToken: "p" } };
    const events = new Events(await client.request("tools/call", params, { signal: abort.signal }));
    const primer = await events.next();
    await events.next();
    abort.abort();
    await Bun.sleep(30);
    resolve();
    await until("the call ended", () => http.waiting.size === 0);
    const kept = await new Events(
      await client.get({ headers: { "last-event-id": primer?.id ?? "" } }),
    ).rest();
    expect(kept).toHaveLength(256);
    expect(kept.at(-1)).toHaveProperty("result");
    expect(kept[0]?.params).toMatchObject({ progress: 746 });
  });
});
