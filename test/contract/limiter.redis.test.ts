import { describe, expect, test } from "bun:test";
import { systemClock } from "../../src/model/ports/clock.ts";
import { keptLog } from "../../src/model/sample-exchange.testing.ts";
import { sampleLimit } from "../../src/model/sample-limit.testing.ts";
import { MemoryLimiter } from "../../src/storage/limiter/memory-limiter.ts";
import { RedisLimiter } from "../../src/storage/limiter/redis-limiter.ts";
import { startValve } from "../faults/valve.ts";
import { redisUrl } from "../servers/redis.ts";
import { limiterContract } from "./limiter.contract.ts";

const url = await redisUrl();
/** The tests share two cores with others; what times out here is a fault of the test, but where it is the subject. */
const PATIENT_MS = 10_000;

if (url !== undefined) {
  describe("limiter on Redis", () => {
    limiterContract(async (clock) => {
      const limiter = new RedisLimiter({
        url,
        prefix: "contract",
        // Refuses everything: whatever is admitted was admitted by Redis.
        local: nobody(),
        log: keptLog(),
        clock,
        commandTimeoutMs: PATIENT_MS,
      });
      await limiter.start();
      return limiter;
    });

    test("two processes race for one limit, by Redis's clock, and together stay within it", async () => {
      const rule = sampleLimit({ limit: 100, windowMs: 3_600_000 });
      const program = new URL("limiter-child.ts", import.meta.url).pathname;
      const arguments_ = [url, JSON.stringify(rule), "300", String(Date.now() + 2_000)];
      const children = [0, 1].map(() =>
        Bun.spawn([process.execPath, program, ...arguments_], { stdout: "pipe", stderr: "inherit" }),
      );
      const counts = await Promise.all(
        children.map(async (child) => Number(await new Response(child.stdout).text())),
      );
      expect(counts.reduce((sum, count) => sum + count)).toBe(100);
      expect(Math.min(...counts)).toBeGreaterThan(0);
    }, 30_000);

    test("frozen: a call waits 50 ms at most, then its share is counted here; back, Redis counts again", async () => {
      const { hostname: host, port } = new URL(url);
      const valve = await startValve({ host, port: Number(port) });
      const log = keptLog();
      const local = new MemoryLimiter({ clock: systemClock, processes: () => 4 });
      const limiter = new RedisLimiter({
        url: `redis://127.0.0.1:${valve.port}/0`,
        prefix: `freeze-${crypto.randomUUID()}`,
        local,
        log,
      });
      const rule = sampleLimit({ limit: 40, windowMs: 3_600_000 });
      const demand = [{ rule, subject: "a" }];
      try {
        await limiter.start();
        expect(limiter.isAway).toBe(false);
        valve.turn("frozen");
        const waits: number[] = [];
        let admitted = 0;
        for (let n = 0; n < 60; n++) {
          const from = performance.now();
          if ((await limiter.decide(demand)).admitted) admitted++;
          waits.push(performance.now() - from);
        }
        // One call finds out; 40 ms is its bound, and the rest what a busy machine may add to a timer.
        expect(waits.filter((ms) => ms > 20).length).toBeLessThanOrEqual(2);
        expect(Math.max(...waits)).toBeLessThan(150);
        expect(admitted).toBe(10);
        expect(limiter.isAway).toBe(true);
        expect(limiter.outages).toBe(1);
        valve.turn("open");
        const back = async () => {
          const until = Date.now() + 10_000;
          while (limiter.isAway && Date.now() < until) await Bun.sleep(50);
          expect(limiter.isAway).toBe(false);
        };
        let more = 0;
        for (let n = 0; n < 60; n++) {
          await back();
          if ((await limiter.decide(demand)).admitted) more++;
        }
        // Redis may have taken the calls it was asked for and did not answer in time: one while it was frozen, others where
        // the machine held it up since.
        expect(more).toBeGreaterThanOrEqual(40 - limiter.outages);
        expect(more).toBeLessThanOrEqual(40);
        expect(log.lines.slice(0, 2).map(({ level }) => level)).toEqual(["warn", "info"]);
      } finally {
        limiter.close();
        await valve.stop();
      }
    }, 30_000);

    test("gone, or never there: nobody waits, and the share is what is left of it in this window", async () => {
      const { hostname: host, port } = new URL(url);
      const valve = await startValve({ host, port: Number(port) });
      const local = new MemoryLimiter({ clock: systemClock, processes: () => 2 });
      const options = { prefix: `gone-${crypto.randomUUID()}`, local, log: keptLog() };
      const limiter = new RedisLimiter({
        ...options,
        url: `redis://127.0.0.1:${valve.port}/0`,
        commandTimeoutMs: PATIENT_MS,
      });
      const demand = [{ rule: sampleLimit({ limit: 20, windowMs: 3_600_000 }), subject: "a" }];
      await limiter.start();
      for (let n = 0; n < 6; n++) expect((await limiter.decide(demand)).admitted).toBe(true);
      valve.turn("gone");
      let admitted = 0;
      for (let n = 0; n < 30; n++) if ((await limiter.decide(demand)).admitted) admitted++;
      expect(admitted).toBe(4);
      expect(limiter.decide(demand)).toMatchObject({ admitted: false });
      limiter.close();
      await valve.stop();

      const never = new RedisLimiter({ ...options, url: `redis://127.0.0.1:${valve.port}/0` });
      await never.start();
      expect(never.isAway).toBe(true);
      expect(never.decide(demand)).toMatchObject({ admitted: false });
      never.close();
    }, 30_000);

    test("processes that share it count each other, and forget those that ended", async () => {
      const prefix = `census-${crypto.randomUUID()}`;
      const open = async () => {
        const limiter = new RedisLimiter({ url, prefix, local: nobody(), log: keptLog() });
        await limiter.start();
        return limiter;
      };
      const first = await open();
      expect(first.processes).toBe(1);
      const second = await open();
      expect(second.processes).toBe(2);
      const settled = async (count: number) => {
        const until = Date.now() + 10_000;
        while (first.processes !== count && Date.now() < until) await Bun.sleep(50);
        return first.processes;
      };
      expect(await settled(2)).toBe(2);
      second.close();
      expect(await settled(1)).toBe(1);
      first.close();
    }, 30_000);
  });
}

/** A fall-back that is no way out. */
function nobody(): MemoryLimiter {
  return new (class extends MemoryLimiter {
    override decide([demand]: Parameters<MemoryLimiter["decide"]>[0]): ReturnType<MemoryLimiter["decide"]> {
      if (demand === undefined) throw new Error("nothing to decide");
      return { admitted: false, rule: demand.rule, retryAfterMs: 1 };
    }
  })({ clock: systemClock });
}
