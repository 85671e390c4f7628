import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { redisUrl } from "../servers/redis.ts";
import { eventually } from "./child.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { admitted, call } from "./limited-calls.ts";
import { type Processes, startReplicas } from "./processes.ts";
import { type EchoUpstream, startEcho } from "./upstreams.ts";

const TIMEOUT_MS = 90_000;
const redis = await redisUrl();
let echo: EchoUpstream;
beforeAll(async () => {
  echo = await startEcho("modern");
});
afterAll(() => echo.stop());

const entry = (name: string) => ({
  ...{ name, type: "streamable-http" as const },
  connection: { url: echo.url },
});
/** A rule for the calls of one server. */
const rule = (server: string, over: object, name = server) => ({
  name,
  match: { server: [server] },
  ...over,
});

const WINDOW_MS = 1_000;
const RULES = [
  rule("sliding", { algorithm: "sliding_window", limit: 60, window: "1h" }),
  rule("fixed", { algorithm: "fixed_window", limit: 60, window: "1h" }),
  rule("bucket", { algorithm: "token_bucket", limit: 60, window: "24h" }),
  rule("places", { algorithm: "concurrency", limit: 8 }),
  rule("several", { algorithm: "fixed_window", limit: 60, window: "1h" }, "several-fixed"),
  rule("several", { algorithm: "sliding_window", limit: 40, window: "1h" }, "several-sliding"),
  rule("several", { algorithm: "concurrency", limit: 1_000 }, "several-places"),
  rule("sliding-edge", { algorithm: "sliding_window", limit: 20, window: "1s" }),
  rule("fixed-edge", { algorithm: "fixed_window", limit: 20, window: "1s" }),
  rule("bucket-edge", { algorithm: "token_bucket", limit: 20, window: "1s", burst: 10 }),
];
const SERVERS = [...new Set(RULES.flatMap(({ match }) => match.server))];

describe.each([
  ["PostgreSQL without Redis", false],
  ["Redis", true],
])("limits raced by two processes on %s", (_name, withRedis) => {
  let processes: Processes | undefined;
  let key: string | undefined;
  beforeAll(async () => {
    if (withRedis && redis === undefined) return;
    const prefix = `raced-${crypto.randomUUID().slice(0, 8)}`;
    processes = await startReplicas({
      servers: SERVERS.map(entry),
      anonymous: false,
      settings: {
        rate_limits: { rules: RULES },
        ...(withRedis && { redis: { url: redis, prefix } }),
      },
    });
    const running = processes;
    if (running === undefined) return;
    key = await running.gateways[0]?.mintKey("--name", "race", "--permission", "*:*");
    await eventually("each knows of the other", async () =>
      (await running.metric("mcp_gateway_limit_processes")) >= 4 ? true : undefined,
    );
  }, TIMEOUT_MS);
  afterAll(() => processes?.stop(), TIMEOUT_MS);

  const ask = (server: string, ms = 0) => call(processes?.mcpUrl(server) ?? "", key, "echo", ms);
  /**
   * How many may pass. Where Redis took more than 40 ms on a busy machine, each process counts its share by itself: what
   * Redis had counted may come on top, or be missing from it.
   */
  const bounds = async (limit: number): Promise<readonly [least: number, most: number]> => {
    const outages = withRedis ? await processes?.metric("mcp_gateway_limit_redis_outages_total") : 0;
    return (outages ?? 0) > 0 ? [limit / 2, 2 * limit] : [limit, limit];
  };
  const expectWithin = async (count: number, limit: number): Promise<void> => {
    const [least, most] = await bounds(limit);
    expect(count).toBeGreaterThanOrEqual(least);
    expect(count).toBeLessThanOrEqual(most);
  };

  test.each([
    ["a sliding window", "sliding", 60],
    ["a fixed window", "fixed", 60],
    ["a token bucket", "bucket", 60],
    ["several rules decided at once, the narrowest", "several", 40],
  ])(
    "%s holds",
    async (_what, server, limit) => {
      if (processes === undefined) return;
      const count = await admitted(200, () => ask(server));
      await expectWithin(count, limit);
    },
    TIMEOUT_MS,
  );

  test(
    "places under concurrency hold, and come back",
    async () => {
      if (processes === undefined) return;
      for (let round = 0; round < 2; round++) {
        const count = await admitted(40, () => ask("places", 1_500));
        await expectWithin(count, 8);
      }
    },
    TIMEOUT_MS,
  );

  test(
    "all hold over the edges of their windows, and admit again behind them",
    async () => {
      if (processes === undefined) return;
      // In a stretch of T at most limit × (⌊T ÷ window⌋ + 1) pass, of a bucket the burst and what was refilled.
      const mostIn = {
        "sliding-edge": (ms: number) => 20 * (Math.floor(ms / WINDOW_MS) + 1),
        "fixed-edge": (ms: number) => 20 * (Math.floor(ms / WINDOW_MS) + 2),
        "bucket-edge": (ms: number) => 10 + Math.ceil((20 * ms) / WINDOW_MS) + 2,
      };
      const raced = Object.entries(mostIn).map(async ([server, mostOf]) => {
        const began = performance.now();
        let count = 0;
        while (performance.now() - began < 4.5 * WINDOW_MS) {
          count += await admitted(10, () => ask(server));
          await Bun.sleep(20);
        }
        const ms = performance.now() - began;
        const [, most] = await bounds(mostOf(ms));
        expect([server, count <= most, count]).toEqual([server, true, count]);
        // Four whole windows passed; a busy machine may have asked too seldom in one of them.
        expect(count).toBeGreaterThanOrEqual(2 * 20);
      });
      await Promise.all(raced);
    },
    TIMEOUT_MS,
  );
});

describe("quotas by day and by month, of key, user, organisation and tool", () => {
  const DIMENSIONS = ["key", "user", "organization", "tool"] as const;
  const PERIODS = ["day", "month"] as const;
  const names = DIMENSIONS.flatMap((dimension) => PERIODS.map((period) => `${dimension}-${period}`));
  const rules = DIMENSIONS.flatMap((dimension) =>
    PERIODS.map((period) =>
      rule(`${dimension}-${period}`, { per: [dimension], algorithm: "quota", period, limit: 4 }),
    ),
  );

  test(
    "survive a restart",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "mcp-gateway-quotas-"));
      const masterKey = randomBytes(32).toString("base64");
      const start = () =>
        startGateway({
          servers: names.map(entry),
          anonymous: false,
          settings: { store: { path: join(folder, "gateway.db") }, rate_limits: { rules } },
          environment: { MCP_GATEWAY_MASTER_KEY: masterKey },
        });
      const first = await start();
      const key = await first.mintKey("--name", "q", "--permission", "*:*");
      const each = async (gateway: Gateway, times: number) => {
        const counts: Record<string, number> = {};
        for (const name of names)
          counts[name] = await admitted(times, () => call(gateway.mcpUrl(name), key, "echo"));
        return counts;
      };
      const all = (count: number) => Object.fromEntries(names.map((name) => [name, count]));
      expect(await each(first, 3)).toEqual(all(3));
      await first.stop();
      const second = await start();
      expect(await each(second, 3)).toEqual(all(1));
      await second.stop();
      const third = await start();
      expect(await each(third, 1)).toEqual(all(0));
      await third.stop();
      await rm(folder, { recursive: true });
    },
    TIMEOUT_MS,
  );
});
