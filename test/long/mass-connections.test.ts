import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { openLoop } from "../../bench/open-loop.ts";
import { callRequest } from "../../bench/requests.ts";
import { median } from "../../bench/statistics.ts";
import { type Child, eventually, startChild } from "../e2e/child.ts";
import { type Gateway, startGateway } from "../e2e/gateway.ts";
import { openFiles, processorSeconds, residentBytes } from "../e2e/process-figures.ts";
import { type EchoUpstream, fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { bodyOf, call, headersFor } from "../faults/load.ts";
import { untilConnected } from "../faults/restarted.ts";
import { type Era, openingRequest } from "./opening-request.ts";

const KIB = 1024;
const STREAMS = 10_000;
const STREAM_KIB_MAX = 32;
const P99_RATIO_MAX = 1.5;
const ROUNDS = 5;
const ROUND_S = 4;
const CALLS_PER_S = 400;
const SETTLE_MS = 5_000;
const OPEN_MS_MAX = 120_000;
const SLOW_SOCKETS = 2_000;
const CLOSED_WITHIN_MS = 15_000;

interface Setting {
  readonly gateway: Gateway;
  readonly echo: EchoUpstream;
  readonly key: string;
}

async function withGateway(
  limits: Record<string, unknown>,
  act: (setting: Setting) => Promise<void>,
): Promise<void> {
  const echo = await startEcho("modern");
  try {
    const servers = [fixtureEntry("echo", echo, "streamable-http")];
    await using gateway = await startGateway({ servers, anonymous: false, settings: { limits } });
    const key = await gateway.mintKey("--name", "load", "--role", "admin");
    await untilConnected(gateway, ["echo"], key);
    await act({ gateway, echo, key });
  } finally {
    await echo.stop();
  }
}

/** Median of the rounds' p99 of calls that come at an even pace, whatever their answers do. */
async function p99Of({ gateway, key }: Setting): Promise<number> {
  const request = callRequest("/servers/echo/mcp", "echo", key, { nonce: "n", ms: 0 });
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++)
    rounds.push((await openLoop(gateway.port, request, CALLS_PER_S, ROUND_S)).p99Ms);
  return median(rounds);
}

async function hold({ gateway, key }: Setting, era: Era, count: number): Promise<Child> {
  const program = join(import.meta.dir, "stream-holder.ts");
  const child = startChild([process.execPath, program, String(gateway.port), String(count), era, key]);
  expect(await child.firstLine(OPEN_MS_MAX)).toBe(String(count));
  return child;
}

describe("mass connections", () => {
  for (const era of ["modern", "legacy"] as const) {
    test(
      `${STREAMS} idle streams of ${era} clients: at most ${STREAM_KIB_MAX} KiB each, calls hardly notice, and one more is refused`,
      () =>
        withGateway(
          {
            streams: STREAMS,
            streams_per_principal: STREAMS,
            sessions: STREAMS,
            sessions_per_principal: STREAMS,
            concurrent_requests: 2 * STREAMS,
          },
          async (setting) => {
            const { gateway, key } = setting;
            const { pid } = gateway.child;
            const p99Before = await p99Of(setting);
            await Bun.sleep(SETTLE_MS);
            const bytesBefore = residentBytes(pid);
            const filesBefore = openFiles(pid);
            const holder = await hold(setting, era, STREAMS);
            await Bun.sleep(SETTLE_MS);
            const kibEach = (residentBytes(pid) - bytesBefore) / KIB / STREAMS;
            const p99During = await p99Of(setting);
            const refusals = await Promise.all(Array.from({ length: 50 }, () => oneMore(setting, era)));
            expect(refusals).toEqual(
              refusals.map(() => ({ status: 503, code: "overloaded", retryAfter: "1" })),
            );
            expect(await call(gateway.mcpUrl("echo"), crypto.randomUUID(), { key })).toMatchObject({
              end: "ok",
            });
            expect(holder.output()).not.toContain("ended");
            expect(holder.isRunning()).toBe(true);
            await holder.stop();
            await eventually(
              "their sockets are gone",
              async () => (openFiles(pid) <= filesBefore + 70 ? true : undefined),
              { timeoutMs: 20_000 },
            );
            await Bun.sleep(SETTLE_MS);
            const bytesAfter = residentBytes(pid);
            console.log(`${STREAMS} idle streams, ${era}:`, {
              kibEach,
              p99Before,
              p99During,
              ratio: p99During / p99Before,
              mibBefore: bytesBefore / KIB / KIB,
              mibAfterwards: bytesAfter / KIB / KIB,
            });
            expect(kibEach).toBeLessThanOrEqual(STREAM_KIB_MAX);
            expect(p99During / p99Before).toBeLessThanOrEqual(P99_RATIO_MAX);
          },
        ),
      300_000,
    );
  }

  test(
    `${SLOW_SOCKETS} slow sockets are closed within 15 s, and calls go on meanwhile`,
    () =>
      withGateway({}, async (setting) => {
        const { gateway, echo, key } = setting;
        const p99Before = await p99Of(setting);
        const filesBefore = openFiles(gateway.child.pid);
        const callsBefore = (await echo.seen()).calls;
        const head = requestHead(gateway.port, key);
        const kinds = [
          "",
          "POST /mcp HTTP/1.1\r\nhost: local",
          `${head}{"jsonrpc":`,
          "POST /mcp HTTP/1.1\r\n",
          `${head}{`,
        ] as const;
        const startedAt = performance.now();
        const sockets = Array.from({ length: SLOW_SOCKETS }, (_, index) =>
          slow(gateway.port, kinds[index % kinds.length] ?? ""),
        );
        // The last two kinds go on, a byte or a header each second.
        const drip = setInterval(() => {
          for (const [index, { socket }] of sockets.entries()) {
            if (index % kinds.length === 3) socket.write("x-a: b\r\n");
            if (index % kinds.length === 4) socket.write(" ");
          }
        }, 1_000);
        const during = await openLoop(
          gateway.port,
          callRequest("/servers/echo/mcp", "echo", key, { nonce: "n", ms: 0 }),
          CALLS_PER_S,
          10,
        );
        await Promise.race([
          Promise.all(sockets.map(({ closed }) => closed)),
          Bun.sleep(CLOSED_WITHIN_MS + 500 - (performance.now() - startedAt)),
        ]);
        clearInterval(drip);
        const late = sockets.filter(
          ({ closedAt }) => closedAt() === undefined || (closedAt() ?? 0) - startedAt > CLOSED_WITHIN_MS,
        );
        const last = Math.max(
          ...sockets.map(({ closedAt }) => (closedAt() ?? Number.POSITIVE_INFINITY) - startedAt),
        );
        for (const { socket } of sockets) socket.destroy();
        console.log(`${SLOW_SOCKETS} slow sockets:`, {
          lastClosedAfterMs: last,
          p99Before,
          p99During: during.p99Ms,
        });
        expect(late.length).toBe(0);
        expect((await echo.seen()).calls - callsBefore).toBe(during.calls);
        await eventually(
          "nothing of them is left",
          async () => (openFiles(gateway.child.pid) <= filesBefore + 70 ? true : undefined),
          { timeoutMs: 20_000 },
        );
        expect(await call(gateway.mcpUrl("echo"), crypto.randomUUID(), { key })).toMatchObject({ end: "ok" });
      }),
    120_000,
  );

  test(
    "more connections than it may have files: those there are go on, and it takes new ones when there is room",
    () =>
      withGateway({}, async (setting) => {
        const { gateway, key } = setting;
        const { pid } = gateway.child;
        const cap = openFiles(pid) + 200;
        const limited = Bun.spawnSync(["prlimit", `--pid=${pid}`, `--nofile=${cap}:${cap}`]);
        expect(limited.exitCode).toBe(0);
        const kept = await keepAlive(gateway.port);
        expect(await kept.ask(key)).toContain("HTTP/1.1 200");
        const crowd = Array.from({ length: 400 }, () => slow(gateway.port, ""));
        await Bun.sleep(1_000);
        expect(gateway.child.isRunning()).toBe(true);
        const cpuBefore = processorSeconds(pid);
        await Bun.sleep(3_000);
        const cpu = (processorSeconds(pid) - cpuBefore) / 3;
        expect(await kept.ask(key)).toContain("HTTP/1.1 200");
        for (const { socket } of crowd) socket.destroy();
        const end = await eventually(
          "there is room again",
          async () => {
            const one = await call(gateway.mcpUrl("echo"), crypto.randomUUID(), { key });
            return one.end === "ok" ? one : undefined;
          },
          { timeoutMs: 20_000 },
        );
        console.log("past its files:", { cap, cpuWhileFull: cpu });
        expect(end.status).toBe(200);
        kept.close();
      }),
    60_000,
  );
});

async function oneMore({ gateway, key }: Setting, era: Era): Promise<unknown> {
  const { headers, body } = openingRequest(era, key);
  const answer = await fetch(`${gateway.origin}/mcp`, { method: "POST", headers, body });
  const { error } = (await answer.json()) as { error?: { data?: { code?: string } } };
  return { status: answer.status, code: error?.data?.code, retryAfter: answer.headers.get("retry-after") };
}

function requestHead(port: number, key: string): string {
  const headers = {
    host: `localhost:${port}`,
    ...headersFor("tools/call", "echo", key),
    "content-length": "1000",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /servers/echo/mcp HTTP/1.1\r\n${lines.join("")}\r\n`;
}

function slow(
  port: number,
  text: string,
): { readonly socket: Socket; readonly closed: Promise<void>; closedAt(): number | undefined } {
  let at: number | undefined;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const socket = connect(port, "127.0.0.1", () => {
    if (text !== "") socket.write(text);
  });
  socket.on("data", () => {});
  socket.on("error", () => {});
  socket.on("close", () => {
    at = performance.now();
    resolve();
  });
  return { socket, closed, closedAt: () => at };
}

/** One connection that stays, with calls over it. */
async function keepAlive(port: number): Promise<{ ask(key: string): Promise<string>; close(): void }> {
  const socket = connect(port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  return {
    ask: (key) => {
      const body = bodyOf("tools/call", { name: "echo", arguments: { nonce: "n", ms: 0 } });
      socket.write(requestHead(port, key).replace("1000", String(Buffer.byteLength(body))) + body);
      return new Promise((resolve, reject) => {
        socket.once("data", (bytes) => resolve(bytes.toString()));
        socket.once("close", () => reject(new Error("the connection was closed")));
      });
    },
    close: () => socket.destroy(),
  };
}
