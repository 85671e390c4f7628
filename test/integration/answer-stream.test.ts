import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { type Answering, said, tool } from "../../src/model/ports/in-process-upstream.testing.ts";
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
