import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "../e2e/child.ts";
import { bootstrapKey, startGateway } from "../e2e/gateway.ts";
import { type EchoUpstream, fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { call, p99, startLoad, tally } from "../faults/load.ts";
import { behindValve, bySignal, type Outage } from "../faults/outage.ts";
import { untilConnected } from "../faults/restarted.ts";
import type { PrivateServer } from "../servers/program.ts";
import { privateRedis } from "../servers/redis.ts";

const AWAY_MS = 30_000;
const BEFORE_MS = 5_000;
const ADDED_MS_MAX = 50;
const NARROW = 20;
const RATE_LIMITS = {
  rules: [
    { name: "wide", per: ["key"], limit: 1_000_000, window: "1h" },
    { name: "wider", per: ["ip"], limit: 1_000_000, window: "1h" },
    { name: "narrow", per: ["key"], match: { server: ["narrow"] }, limit: NARROW, window: "1h" },
  ],
};

describe("Redis away for 30 s under load", () => {
  let redis: PrivateServer | undefined;
  let echo: EchoUpstream;
  beforeAll(async () => {
    redis = await privateRedis();
    echo = await startEcho("modern");
  });
  afterAll(async () => {
    await echo.stop();
    await redis?.stop();
  });

  const outages: Record<string, (server: PrivateServer) => Outage | Promise<Outage>> = {
    "frozen by SIGSTOP": (server) => bySignal(server, server.url),
    gone: (server) => behindValve(server.url, "gone"),
  };
  for (const [name, outageOf] of Object.entries(outages)) {
    test(`${name}: no call fails or takes ${ADDED_MS_MAX} ms longer, and limits hold`, async () => {
      if (redis === undefined) return;
      const outage = await outageOf(redis);
      const gateway = await startGateway({
        servers: ["echo", "narrow"].map((server) => fixtureEntry(server, echo, "streamable-http")),
        anonymous: false,
        settings: { redis: { url: outage.url, prefix: name.slice(0, 4) }, rate_limits: RATE_LIMITS },
      });
      try {
        const key = await gateway.mintKey("--name", "load", "--role", "admin");
        await untilConnected(gateway, ["echo", "narrow"], key);
        const load = startLoad(gateway.mcpUrl("echo"), { connections: 8, pauseMs: 5, key });
        await Bun.sleep(BEFORE_MS);
        const before = load.ends.length;
        outage.begin();
        const narrow = [];
        for (let n = 0; n < AWAY_MS / 500; n++) {
          narrow.push(await call(gateway.mcpUrl("narrow"), crypto.randomUUID(), { key }));
          await Bun.sleep(500);
        }
        const away = load.ends.slice(before);
        outage.end();
        const backAt = performance.now();
        await eventually("Redis counts again", () => isUp(gateway.origin, bootstrapKey(gateway)), {
          timeoutMs: 5_000,
        });
        const normalAfter = performance.now() - backAt;
        const ends = await load.stop();
        const figures = {
          calls: ends.length,
          callsWhileAway: away.length,
          p99Before: p99(load.ends.slice(0, before)),
          p99Away: p99(away),
          slowestAway: Math.max(...away.map(({ durationMs }) => durationMs)),
          narrow: tally(narrow),
          normalAfter,
        };
        console.log(`Redis away, ${name}:`, figures);
        expect(tally(ends)).toEqual({ ok: ends.length });
        expect(figures.p99Away - figures.p99Before).toBeLessThanOrEqual(ADDED_MS_MAX);
        expect(narrow.filter(({ end }) => end === "ok").length).toBeLessThanOrEqual(NARROW);
        expect(narrow.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(
          narrow.length - NARROW,
        );
      } finally {
        await outage.stop();
        await gateway.stop();
      }
    }, 120_000);
  }
});

async function isUp(origin: string, key: Promise<string>): Promise<true | undefined> {
  const answer = await fetch(`${origin}/metrics`, { headers: { authorization: `Bearer ${await key}` } });
  return (await answer.text()).includes("\nmcp_gateway_limit_redis_up 1") ? true : undefined;
}
