import { afterEach, describe, expect, test } from "bun:test";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Cancellation } from "../../model/cancellation.ts";
import type { Log } from "../../model/ports/log.ts";
import { Http1Client } from "../../net/http1-client.ts";
import { OutboundGuard } from "../../net/outbound-guard.ts";
import {
  alsoClose,
  closeAll,
  codeOf,
  eventStream,
  failure,
  makeUpstream,
  scripted,
  started,
  textOf,
  toolCall,
  until,
} from "./upstream-harness.testing.ts";

afterEach(closeAll);

const quick = { reconnectBaseMs: 10, reconnectCapMs: 50, retryBaseMs: 5 };

describe("failures a caller meets", () => {
  test("nobody listens: upstream_unreachable, soon, after the permitted attempts", async () => {
    const peer = scripted(() => undefined);
    peer.stop();
    const upstream = makeUpstream(peer.url);
    upstream.start();
    const startedAt = Date.now();
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_unreachable");
    expect(Date.now() - startedAt).toBeLessThan(1000);
    expect(upstream.counters.retries).toBe(3);
    expect(upstream.state).toMatchObject({ status: "failed" });
  });

  test("a server that stays away is logged once, and once more when it is back", async () => {
    const lines: string[] = [];
    const log: Log = {
      debug: () => {},
      info: (_fields, message) => lines.push(message),
      warn: (_fields, message) => lines.push(message),
      error: (_fields, message) => lines.push(message),
      child: () => log,
    };
    let attempts = 0;
    let isBack = false;
    const peer = scripted(() => {
      attempts++;
      return isBack ? undefined : new Response("away", { status: 500 });
    });
    const upstream = makeUpstream(peer.url, { deps: { log, limits: quick } });
    upstream.start();
    await until(() => attempts >= 12);
    expect(lines).toEqual(["server cannot be used"]);
    isBack = true;
    await until(() => upstream.state.status === "ready");
    expect(lines).toEqual(["server cannot be used", "server can be used again"]);
  });

  test("a server that hangs: upstream_timeout within 5 % of the time, the connection closed", async () => {
    let gone = 0;
    const peer = scripted(({ method }, request) => {
      if (method !== "tools/call") return undefined;
      request.signal.addEventListener("abort", () => gone++);
      return new Promise<Response>(() => {});
    });
    const upstream = await started(makeUpstream(peer.url, { timeoutMs: 600 }));
    const startedAt = Date.now();
    const thrown = await upstream.call(toolCall("x")).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "upstream_timeout" });
    expect(String(thrown)).toContain("0.6 s");
    expect(Date.now() - startedAt).toBeLessThanOrEqual(600 * 1.05 + 10);
    await until(() => gone === 1);
    expect(upstream.state.inFlight).toBe(0);
  });

  test("a server that hangs when it is connected to: the reason says how long it was waited for", async () => {
    const peer = scripted(() => new Promise<Response>(() => {}));
    const upstream = makeUpstream(peer.url, { deps: { limits: { ...quick, connectTimeoutMs: 200 } } });
    upstream.start();
    await until(() => upstream.state.reason !== undefined);
    expect(upstream.state.reason).toStartWith(`Server ${upstream.server.name} did not answer within 0.2 s.`);
  });

  test("an answer that drips slower than the timeout ends at the timeout too", async () => {
    const peer = scripted(({ method }) => {
      if (method !== "tools/call") return undefined;
      const stream = eventStream();
      const timer = setInterval(() => {
        try {
          stream.raw(": still here\n\n");
        } catch {
          clearInterval(timer);
        }
      }, 20);
      alsoClose(() => clearInterval(timer));
      return stream.response;
    });
    const upstream = await started(makeUpstream(peer.url));
    const startedAt = Date.now();
    expect(await codeOf(upstream.call(toolCall("x", {}, { deadline: Date.now() + 400 })))).toBe(
      "upstream_timeout",
    );
    expect(Date.now() - startedAt).toBeLessThanOrEqual(400 * 1.05 + 10);
  });

  test("a name that never resolves is bounded by the call's time", async () => {
    const http = new Http1Client(new OutboundGuard(["*.test"], () => new Promise(() => {})));
    alsoClose(() => http.close());
    const upstream = makeUpstream("http://slow.test/mcp", { timeoutMs: 400, deps: { http } });
    const startedAt = Date.now();
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_timeout");
    expect(Date.now() - startedAt).toBeLessThanOrEqual(400 * 1.05 + 10);
  });

  const nasty: Record<string, { act: (socket: Socket) => void; code: string }> = {
    "resets at once": { act: (socket) => socket.resetAndDestroy(), code: "upstream_lost" },
    "closes at once": { act: (socket) => socket.destroy(), code: "upstream_lost" },
    "is no HTTP": { act: (socket) => socket.end("SSH-2.0-OpenSSH\r\n\r\n"), code: "upstream_protocol_error" },
    "breaks off in the body": {
      act: (socket) =>
        socket.write(
          'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"js',
          () => socket.resetAndDestroy(),
        ),
      code: "upstream_lost",
    },
    "breaks off in a stream": {
      act: (socket) =>
        socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\n\ndat", () =>
          socket.end(),
        ),
      code: "upstream_protocol_error",
    },
  };
  for (const [name, { act, code }] of Object.entries(nasty)) {
    test(`a server that ${name}: ${code}, soon, and it reads the call once`, async () => {
      const { url, bodies } = await tcp(act);
      const upstream = await started(makeUpstream(url));
      const startedAt = Date.now();
      expect(await codeOf(upstream.call(toolCall("x")))).toBe(code);
      expect(Date.now() - startedAt).toBeLessThan(1000);
      expect(bodies.filter((body) => body.includes("tools/call")).length).toBe(1);
    });
  }

  test("one more than maxConcurrency is upstream_busy; the others are not disturbed", async () => {
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const peer = scripted(async ({ method }) => {
      if (method === "tools/call") await held;
      return undefined;
    });
    const upstream = await started(makeUpstream(peer.url, { maxConcurrency: 3 }));
    const running = [1, 2, 3].map((n) => upstream.call(toolCall("echo", { n })));
    expect(upstream.state.inFlight).toBe(3);
    expect(await codeOf(upstream.call(toolCall("echo")))).toBe("upstream_busy");
    release?.();
    expect((await Promise.all(running)).map(textOf)).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
    expect(textOf(await upstream.call(toolCall("echo", { n: 4 })))).toBe('{"n":4}');
  });

  test("closing ends the calls under way with upstream_lost, and later ones at once", async () => {
    const peer = scripted(({ method }) =>
      method === "tools/call" ? new Promise<Response>(() => {}) : undefined,
    );
    const upstream = await started(makeUpstream(peer.url));
    const ended = codeOf(upstream.call(toolCall("x")));
    await Bun.sleep(20);
    await upstream.close();
    expect(await ended).toBe("upstream_lost");
    expect(await codeOf(upstream.call(toolCall("x")))).toBe("upstream_lost");
    expect(upstream.state.status).toBe("closed");
  });

  test("a call cancelled before it starts reaches nobody", async () => {
    const peer = scripted(() => undefined);
    const upstream = await started(makeUpstream(peer.url));
    const cancellation = new Cancellation();
    cancellation.cancel("client_gone");
    expect(await codeOf(upstream.call(toolCall("x", {}, { cancellation })))).toBe("call_cancelled");
    expect(peer.seen.some(({ method }) => method === "tools/call")).toBe(false);
  });
});

describe("no call is run twice", () => {
  test("connections that die in every way, with many calls: each nonce is read at most once", async () => {
    const read = new Map<string, number>();
    let turn = 0;
    const { url } = await tcp((socket, body) => {
      const nonce = /"nonce":"(\w+)"/.exec(body)?.[1] ?? "";
      read.set(nonce, (read.get(nonce) ?? 0) + 1);
      switch (turn++ % 4) {
        case 0:
          socket.resetAndDestroy();
          return;
        case 1:
          socket.destroy();
          return;
        case 2:
          reply(socket, 503, "busy");
          return;
        default:
          reply(socket, 200, rpc(body));
          socket.end();
      }
    });
    const limits = { ...quick, breakerFailures: 1_000_000 };
    const upstream = await started(makeUpstream(url, { deps: { limits } }));
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        await Bun.sleep(n % 20);
        return codeOf(upstream.call(toolCall("x", { nonce: `n${n}` })));
      }),
    );
    expect(outcomes.filter((code) => code.startsWith("no error")).length).toBeGreaterThan(20);
    expect([...read.values()].filter((times) => times > 1)).toEqual([]);
  });

  test("where the operator says so it is repeated, within maxRetries", async () => {
    let times = 0;
    const { url } = await tcp((socket, body) => {
      if (++times < 3) socket.resetAndDestroy();
      else reply(socket, 200, rpc(body));
    });
    const upstream = await started(makeUpstream(url, { maxRetries: 2, deps: { limits: quick } }));
    expect(await codeOf(upstream.call(toolCall("x", {}, { repeatable: true })))).toStartWith("no error");
    expect(times).toBe(3);
    times = -100;
    expect(await codeOf(upstream.call(toolCall("x", {}, { repeatable: true })))).toBe("upstream_lost");
    expect(times).toBe(-97);
  });

  test("retries stay in their budget", async () => {
    let times = 0;
    const { url } = await tcp((socket) => {
      times++;
      socket.resetAndDestroy();
    });
    const limits = { ...quick, breakerFailures: 1_000_000 };
    const upstream = await started(makeUpstream(url, { maxRetries: 5, deps: { limits } }));
    for (let n = 0; n < 100; n++) await codeOf(upstream.call(toolCall("x", {}, { repeatable: true })));
    expect(times).toBeLessThanOrEqual(100 + 10 + 20);
    expect(times).toBeGreaterThan(110);
  });

  test("JSON-RPC errors and results that are errors are never repeated", async () => {
    const peer = scripted(({ method, id }) =>
      method === "tools/call" ? failure(id, -32603, "oops") : undefined,
    );
    const upstream = await started(makeUpstream(peer.url));
    await upstream.call(toolCall("x", {}, { repeatable: true }));
    expect(peer.seen.filter(({ method }) => method === "tools/call").length).toBe(1);
  });
});

/** A modern server over raw TCP: sound but for `tools/call`, which is `onCall`'s. */
async function tcp(onCall: (socket: Socket, body: string) => void) {
  const bodies: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (end < 0 || text.length < end + 4 + length) return;
      const body = text.slice(end + 4, end + 4 + length);
      text = text.slice(end + 4 + length);
      bodies.push(body);
      if (body.includes('"tools/call"')) onCall(socket, body);
      else reply(socket, 200, rpc(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  alsoClose(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, bodies };
}

function rpc(body: string): string {
  const { id } = JSON.parse(body) as { id: number };
  return JSON.stringify({
    jsonrpc: "2.0",
    id,
    result: { supportedVersions: ["2026-07-28"], capabilities: {}, content: [{ type: "text", text: "ok" }] },
  });
}
function reply(socket: Socket, status: number, body: string): void {
  socket.write(
    `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
