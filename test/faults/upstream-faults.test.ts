import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "../e2e/child.ts";
import { type Gateway, type ServerEntry, startGateway } from "../e2e/gateway.ts";
import { type Misbehaviour, type NastyUpstream, startNasty } from "../e2e/nasty.ts";
import { type EchoUpstream, fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { type Fickle, type Mood, startFickle } from "./fickle.ts";
import { call, codes, noncesSeen, p99, startLoad, tally } from "./load.ts";
import { statusOf, untilConnected } from "./restarted.ts";

const TIMEOUT_MS = 1_500;
/** A timer's own lateness on a loaded machine, over the promised 5 %. */
const SLACK_MS = 150;
/** A server not heard of since the start may be about to answer: calls wait for it this long after the start. */
const FIRST_ANSWER_MS = 5_000;
const neverReady: readonly Misbehaviour[] = [
  "hangs",
  "resets",
  "answers-garbage",
  "answers-broken-json",
  "dies-mid-answer",
  "stream-hangs",
  "answers-endlessly",
];

function entry(name: string, url: string): ServerEntry {
  return { name, type: "streamable-http", connection: { url }, timeout: `${TIMEOUT_MS}ms` };
}

describe("servers that were never well", () => {
  let gateway: Gateway;
  let echo: EchoUpstream;
  const nasty = new Map<Misbehaviour, NastyUpstream>();
  let startupMs = 0;

  beforeAll(async () => {
    echo = await startEcho("modern");
    for (const kind of neverReady) nasty.set(kind, await startNasty(kind));
    const bad = [...nasty].map(([kind, { url }]) => entry(kind, url));
    const missing = { name: "no-program", type: "stdio", command: "/nowhere/at-all" } as const;
    const startedAt = performance.now();
    gateway = await startGateway({
      servers: [...bad, missing, fixtureEntry("echo", echo, "streamable-http")],
    });
    await untilConnected(gateway, ["echo"]);
    startupMs = performance.now() - startedAt;
  });
  afterAll(async () => {
    await gateway.stop();
    for (const one of nasty.values()) await one.stop();
    await echo.stop();
  });

  test("do not delay the start nor keep others out", async () => {
    expect(startupMs).toBeLessThan(3_000);
    expect(await call(gateway.mcpUrl("echo"), crypto.randomUUID())).toMatchObject({ end: "ok" });
    expect(await call(gateway.mcpUrl(), crypto.randomUUID(), { tool: "echo__echo" })).toMatchObject({
      end: "ok",
    });
  });

  test("are shown to an administrator with the reason", async () => {
    const names = [...neverReady.filter((kind) => !/hang|endless/.test(kind)), "no-program"];
    await eventually(
      "every reason is known",
      async () => {
        const shown = await statusOf(gateway);
        const known = names.filter((name) => {
          const server = shown.get(name);
          return server?.status === "failed" && typeof server.reason === "string" && server.reason !== "";
        });
        return known.length === names.length ? true : undefined;
      },
      { timeoutMs: 10_000 },
    );
  });

  for (const kind of neverReady) {
    test(`a call to one that ${kind.replaceAll("-", " ")} gets one clean error in time`, async () => {
      const end = await call(gateway.mcpUrl(kind), crypto.randomUUID());
      expect({ ...end, end: typeof end.end }).toMatchObject({ end: "number" });
      expect(end.text).not.toContain("127.0.0.1");
      expect(end.durationMs).toBeLessThan(FIRST_ANSWER_MS * 1.05 + SLACK_MS);
    });
  }
});

describe("a server that falls ill", () => {
  let gateway: Gateway;
  let echo: EchoUpstream;
  let fickle: Fickle;

  beforeAll(async () => {
    [echo, fickle] = await Promise.all([startEcho("modern"), startFickle()]);
    gateway = await startGateway({
      servers: [entry("fickle", fickle.url), fixtureEntry("echo", echo, "streamable-http")],
    });
    await untilConnected(gateway, ["fickle", "echo"]);
  });
  afterAll(async () => {
    await gateway.stop();
    await fickle.stop();
    await echo.stop();
  });

  const moods: readonly { mood: Mood; withinMs: number }[] = [
    { mood: "resets", withinMs: 1_000 },
    { mood: "answers-garbage", withinMs: 1_000 },
    { mood: "dies-mid-answer", withinMs: 1_000 },
    { mood: "answers-broken-json", withinMs: 1_000 },
    { mood: "refuses", withinMs: 1_000 },
    { mood: "hangs", withinMs: TIMEOUT_MS * 1.05 + SLACK_MS },
  ];
  for (const { mood, withinMs } of moods) {
    test(`${mood}: one clean error a call, no call twice, the breaker opens, its return is noticed within 5 s`, async () => {
      const url = gateway.mcpUrl("fickle");
      const healthy = gateway.mcpUrl("echo");
      const before = startLoad(healthy, { connections: 4, pauseMs: 2 });
      await Bun.sleep(600);
      const quiet = p99(await before.stop());

      fickle.turn(mood);
      const meanwhile = startLoad(healthy, { connections: 4, pauseMs: 2 });
      const ends = await Promise.all(Array.from({ length: 8 }, () => call(url, crypto.randomUUID())));
      for (const end of ends) {
        expect(typeof end.end).toBe("number");
        expect(end.durationMs).toBeLessThan(withinMs);
      }
      const rest = await call(url, crypto.randomUUID());
      expect(tally([rest])).toEqual({ [codes.circuitOpen]: 1 });
      expect(rest.durationMs).toBeLessThan(200);
      expect((await statusOf(gateway)).get("fickle")?.breaker).toBe("open");
      expect([...fickle.nonces].filter(([, times]) => times > 1)).toEqual([]);

      fickle.turn("well");
      const wellAt = performance.now();
      await eventually(
        "the server is used again",
        async () => ((await call(url, crypto.randomUUID())).end === "ok" ? true : undefined),
        { timeoutMs: 5_000, everyMs: 100 },
      );
      expect(performance.now() - wellAt).toBeLessThan(5_000);
      const others = await meanwhile.stop();
      expect(tally(others)).toEqual({ ok: others.length });
      // 1.5 times, and a floor under which a shared machine's own noise lies.
      expect(p99(others)).toBeLessThan(Math.max(quiet * 1.5, process.env.CI === "true" ? 200 : 100));
    });
  }

  test("a process killed in the middle of calls: one clean error each, none twice, back within 5 s", async () => {
    const victim = await startEcho("modern");
    const port = Number(new URL(victim.url).port);
    const own = await startGateway({ servers: [entry("victim", victim.url)] });
    try {
      await untilConnected(own, ["victim"]);
      const under = Array.from({ length: 8 }, () =>
        call(own.mcpUrl("victim"), crypto.randomUUID(), { ms: 20_000 }),
      );
      await eventually("all calls are under way", async () =>
        (await noncesSeen(victim)).size === under.length ? true : undefined,
      );
      expect([...(await noncesSeen(victim)).values()].every((times) => times === 1)).toBe(true);
      const killedAt = performance.now();
      victim.child.kill("SIGKILL");
      const ends = await Promise.all(under);
      expect(performance.now() - killedAt).toBeLessThan(1_000);
      for (const { end } of ends) expect(end).toBe(1054);
      const returned = await startFickle(port);
      try {
        await eventually(
          "the server is used again",
          async () =>
            (await call(own.mcpUrl("victim"), crypto.randomUUID())).end === "ok" ? true : undefined,
          { timeoutMs: 5_000, everyMs: 100 },
        );
        expect(ends.filter(({ nonce }) => returned.nonces.has(nonce))).toEqual([]);
      } finally {
        await returned.stop();
      }
    } finally {
      await own.stop();
      await victim.stop();
    }
  });
});
