import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { eventually } from "../e2e/child.ts";
import { type Gateway, startGateway } from "../e2e/gateway.ts";
import { RawSession } from "../e2e/raw-session.ts";
import { type EchoUpstream, fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { bodyOf, headersFor } from "./load.ts";
import { untilConnected } from "./restarted.ts";

const BODY_BYTES = 200_000;
/** Longer than a listener waits for a socket that says nothing new. */
const SLOW_MS = 14_000;
const IDLE_MS = 4_000;
const IDLE_MS_MAX = 8_000;

let echo: EchoUpstream;
beforeAll(async () => {
  echo = await startEcho("modern");
});
afterAll(() => echo.stop());

interface Ended {
  readonly text: string;
  readonly afterMs: number;
}

interface SlowCall {
  /** Time over which its body is sent, evenly. */
  readonly bodyMs: number;
  readonly bytes?: number;
  /** Time it takes to answer. */
  readonly ms?: number;
  readonly connection?: "close";
}

/** One call over a connection of its own; resolves when the gateway closes it. */
function slowCall(gateway: Gateway, key: string, of: SlowCall): Promise<Ended> {
  const { bodyMs, bytes = BODY_BYTES, ms = 0, connection = "keep-alive" } = of;
  const padding = "n".repeat(Math.max(1, bytes));
  const body = bodyOf("tools/call", { name: "echo", arguments: { nonce: padding, ms } }, "slow-1");
  const headers = { host: `localhost:${gateway.port}`, connection, ...headersFor("tools/call", "echo", key) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const startedAt = performance.now();
  let text = "";
  let sent = 0;
  const socket = connect(gateway.port, "127.0.0.1", () => {
    socket.write(
      `POST /servers/echo/mcp HTTP/1.1\r\n${lines.join("")}content-length: ${body.length}\r\n\r\n`,
    );
    const step = setInterval(() => {
      const due = Math.min(
        body.length,
        Math.ceil((body.length * (performance.now() - startedAt)) / Math.max(1, bodyMs)),
      );
      if (due > sent) socket.write(body.slice(sent, due));
      sent = due;
      if (sent === body.length || socket.destroyed) clearInterval(step);
    }, 100);
  });
  socket.on("data", (bytes_) => {
    text += bytes_.toString();
  });
  socket.on("error", () => {});
  socket.on("close", () => resolve({ text, afterMs: performance.now() - startedAt }));
  return promise;
}

/** The defaults where nothing is given. */
const withLimits = (limits: Record<string, string> = {}): Promise<Gateway> =>
  startGateway({
    servers: [fixtureEntry("echo", echo, "streamable-http")],
    anonymous: false,
    settings: { limits },
  });

/** Once the server is connected. */
async function callerKey(gateway: Gateway): Promise<string> {
  const key = await gateway.mintKey("--name", "slow", "--role", "admin");
  await untilConnected(gateway, ["echo"], key);
  return key;
}

describe.concurrent("clients that take their time", () => {
  test("a body that is not there in time: 408 in the gateway's own words, and the connection is closed", async () => {
    await using gateway = await withLimits({ body_timeout: "3s" });
    const key = await callerKey(gateway);
    for (const bytes of [BODY_BYTES, 1_000]) {
      const { text, afterMs } = await slowCall(gateway, key, { bodyMs: SLOW_MS, bytes });
      expect(text).toStartWith("HTTP/1.1 408");
      expect(text).toContain('"code":"request_timeout"');
      expect(afterMs).toBeGreaterThan(2_900);
      expect(afterMs).toBeLessThan(5_000);
    }
  }, 60_000);

  test("a long upload is served where the setting lets it take its time", async () => {
    await using gateway = await withLimits({ body_timeout: "30s" });
    const key = await callerKey(gateway);
    const { text, afterMs } = await slowCall(gateway, key, { bodyMs: SLOW_MS, connection: "close" });
    expect(text).toStartWith("HTTP/1.1 200");
    expect(text).toContain('"id":"slow-1"');
    expect(afterMs).toBeLessThan(SLOW_MS + 15_000);
  }, 60_000);

  test("a connection that waited for a slow call is closed like any other when it stays idle", async () => {
    await using gateway = await withLimits({ idle_connection: `${IDLE_MS}ms` });
    const key = await callerKey(gateway);
    const { text, afterMs } = await slowCall(gateway, key, { bodyMs: 0, bytes: 10, ms: 1_500 });
    expect(text).toStartWith("HTTP/1.1 200");
    expect(afterMs).toBeGreaterThan(1_500 + IDLE_MS);
    expect(afterMs).toBeLessThan(1_500 + IDLE_MS_MAX);
  }, 120_000);

  test("so is one whose stream has ended", async () => {
    await using gateway = await startGateway({
      servers: [fixtureEntry("echo", echo, "streamable-http")],
      settings: { limits: { idle_connection: `${IDLE_MS}ms` } },
    });
    const session = await RawSession.open(gateway.mcpUrl("echo"));
    const { promise, resolve } = Promise.withResolvers<string>();
    let text = "";
    const socket = connect(gateway.port, "127.0.0.1", () => {
      const head = `host: localhost:${gateway.port}\r\naccept: text/event-stream\r\nmcp-session-id: ${session.id}\r\n`;
      socket.write(`GET /servers/echo/mcp HTTP/1.1\r\n${head}\r\n`);
    });
    socket.on("data", (bytes) => {
      text += bytes.toString();
    });
    socket.on("close", () => resolve(text));
    await eventually("it is open", async () => (text.startsWith("HTTP/1.1 200") ? true : undefined));
    expect((await session.delete()).status).toBe(204);
    const endedAt = performance.now();
    // The last, empty chunk: the response ended, the connection did not.
    expect(await promise).toEndWith("0\r\n\r\n");
    expect(performance.now() - endedAt).toBeLessThan(IDLE_MS_MAX);
  }, 120_000);
});
