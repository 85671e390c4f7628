import { describe, expect, test } from "bun:test";
import type { LimitRule } from "../../src/model/limit-rule.ts";
import type { Clock } from "../../src/model/ports/clock.ts";
import type { LimitDemand, Limiter, LimitVerdict } from "../../src/model/ports/limiter.ts";
import { sampleLimit } from "../../src/model/sample-limit.testing.ts";

/** What every implementation of the limiter port keeps. `open` makes one that goes by the given clock. */
export function limiterContract(open: (clock: Clock) => Promise<Limiter>): void {
  const held = async () => {
    // On a multiple of every window used here, so that the edges are where the tests say.
    const clock = { at: 1_800_000_000_000, now: () => clock.at };
    const limiter = await open(clock);
    const ask = async (...demands: LimitDemand[]): Promise<LimitVerdict> => limiter.decide(demands);
    /** How many of `times` pass. */
    const admitted = async (times: number, ...demands: LimitDemand[]): Promise<number> => {
      let count = 0;
      for (let n = 0; n < times; n++) if ((await ask(...demands)).admitted) count++;
      return count;
    };
    return { clock, limiter, ask, admitted };
  };
  const of = (rule: LimitRule, subject = "a"): LimitDemand => ({ rule, subject });

  describe("a sliding window", () => {
    test("admits its limit, then says how long to wait, and that is true", async () => {
      const { clock, limiter, ask, admitted } = await held();
      const rule = sampleLimit({ limit: 5, windowMs: 60_000 });
      expect(await admitted(8, of(rule))).toBe(5);
      const verdict = await ask(of(rule));
      if (verdict.admitted) throw new Error("admitted past the limit");
      expect(verdict.rule).toBe(rule);
      expect(verdict.retryAfterMs).toBeGreaterThanOrEqual(60_000);
      expect(verdict.retryAfterMs).toBeLessThanOrEqual(60_000 * (33 / 32));
      clock.at += verdict.retryAfterMs - 1;
      expect(await admitted(1, of(rule))).toBe(0);
      clock.at += 1;
      expect(await admitted(8, of(rule))).toBe(5);
      limiter.close();
    });

    test("has no edge to double at: what passed just before a window's end counts just after it", async () => {
      const { clock, limiter, admitted } = await held();
      const rule = sampleLimit({ limit: 10, windowMs: 60_000 });
      clock.at += 59_999;
      expect(await admitted(10, of(rule))).toBe(10);
      clock.at += 2;
      expect(await admitted(10, of(rule))).toBe(0);
      clock.at += 30_000;
      expect(await admitted(10, of(rule))).toBe(0);
      limiter.close();
    });

    test("gives places back as they leave the window, not all at once", async () => {
      const { clock, limiter, admitted } = await held();
      const rule = sampleLimit({ limit: 4, windowMs: 32_000 });
      expect(await admitted(2, of(rule))).toBe(2);
      clock.at += 16_000;
      expect(await admitted(4, of(rule))).toBe(2);
      clock.at += 17_000;
      expect(await admitted(4, of(rule))).toBe(2);
      limiter.close();
    });
  });

  test("a fixed window begins anew at each multiple of its length", async () => {
    const { clock, limiter, ask, admitted } = await held();
    const rule = sampleLimit({ algorithm: "fixed_window", limit: 3, windowMs: 10_000 });
    clock.at += 9_000;
    expect(await admitted(5, of(rule))).toBe(3);
    expect(await ask(of(rule))).toMatchObject({ admitted: false, retryAfterMs: 1_000 });
    clock.at += 999;
    expect(await admitted(1, of(rule))).toBe(0);
    clock.at += 1;
    expect(await admitted(5, of(rule))).toBe(3);
    limiter.close();
  });

  test("a token bucket holds its burst, and refills evenly", async () => {
    const { clock, limiter, ask, admitted } = await held();
    const rule = sampleLimit({ algorithm: "token_bucket", limit: 10, windowMs: 10_000, burst: 3 });
    expect(await admitted(9, of(rule))).toBe(3);
    expect(await ask(of(rule))).toMatchObject({ admitted: false, retryAfterMs: 1_000 });
    clock.at += 999;
    expect(await admitted(1, of(rule))).toBe(0);
    clock.at += 1;
    expect(await admitted(2, of(rule))).toBe(1);
    clock.at += 60_000;
    expect(await admitted(9, of(rule))).toBe(3);
    limiter.close();
  });

  test("concurrency counts what is under way, and a place is given back once", async () => {
    const { limiter, ask, admitted } = await held();
    const rule = sampleLimit({ algorithm: "concurrency", limit: 2, windowMs: 0 });
    const first = await ask(of(rule));
    expect(await admitted(3, of(rule))).toBe(1);
    expect(await ask(of(rule))).toMatchObject({ admitted: false });
    if (!first.admitted || first.release === undefined) throw new Error("no place to give back");
    first.release();
    first.release();
    expect(await admitted(3, of(rule))).toBe(1);
    limiter.close();
  });

  test("subjects and rules have counts of their own", async () => {
    const { limiter, admitted } = await held();
    const [one, other] = [sampleLimit({ limit: 2 }), sampleLimit({ limit: 3 })];
    expect(await admitted(5, of(one, "a"))).toBe(2);
    expect(await admitted(5, of(one, "b"))).toBe(2);
    expect(await admitted(5, of(other, "a"))).toBe(3);
    limiter.close();
  });

  test("several rules are one decision: one that refuses leaves the others uncounted", async () => {
    const { limiter, ask, admitted } = await held();
    const wide = sampleLimit({ limit: 10 });
    const bucket = sampleLimit({ algorithm: "token_bucket", limit: 10 });
    const places = sampleLimit({ algorithm: "concurrency", limit: 10, windowMs: 0 });
    const fixed = sampleLimit({ algorithm: "fixed_window", limit: 10 });
    const narrow = sampleLimit({ limit: 2 });
    const all = [of(wide), of(bucket), of(places), of(fixed), of(narrow)];
    expect(await admitted(7, ...all)).toBe(2);
    expect(await ask(...all)).toMatchObject({ admitted: false, rule: narrow });
    for (const rule of [wide, bucket, places, fixed]) {
      expect([rule.algorithm, await limiter.standing(of(rule))]).toMatchObject([rule.algorithm, { used: 2 }]);
      expect([rule.algorithm, await admitted(20, of(rule))]).toEqual([rule.algorithm, 8]);
    }
    limiter.close();
  });

  test("of several rules that refuse, the one to wait longest for is named", async () => {
    const { limiter, ask } = await held();
    const short = sampleLimit({ limit: 1, windowMs: 1_000 });
    const long = sampleLimit({ limit: 1, windowMs: 3_600_000 });
    expect(await ask(of(short), of(long))).toMatchObject({ admitted: true });
    for (const demands of [
      [of(short), of(long)],
      [of(long), of(short)],
    ]) {
      expect(await ask(...demands)).toMatchObject({ admitted: false, rule: long });
    }
    limiter.close();
  });

  test("an admission says what is left of the rule closest to its limit, and when there is more", async () => {
    const { clock, limiter, ask } = await held();
    const room = async (...demands: LimitDemand[]) => {
      const verdict = await ask(...demands);
      if (!verdict.admitted) throw new Error("refused");
      return verdict.closest;
    };
    const per = ["key"] as const;
    const sliding = sampleLimit({ per, limit: 5, windowMs: 32_000 });
    expect(await room(of(sliding))).toEqual({ rule: sliding, remaining: 4, returnsMs: 33_000 });
    clock.at += 16_000;
    expect(await room(of(sliding))).toEqual({ rule: sliding, remaining: 3, returnsMs: 17_000 });
    clock.at += 17_000;
    expect(await room(of(sliding))).toEqual({ rule: sliding, remaining: 3, returnsMs: 16_000 });
    const fixed = sampleLimit({ per, algorithm: "fixed_window", limit: 3, windowMs: 10_000 });
    clock.at += 6_000;
    expect(await room(of(fixed))).toEqual({ rule: fixed, remaining: 2, returnsMs: 1_000 });
    const bucket = sampleLimit({ per, algorithm: "token_bucket", limit: 10, windowMs: 10_000, burst: 3 });
    expect(await room(of(bucket))).toEqual({ rule: bucket, remaining: 2, returnsMs: 1_000 });
    clock.at += 500;
    expect(await room(of(bucket))).toEqual({ rule: bucket, remaining: 1, returnsMs: 500 });
    const places = sampleLimit({ per, algorithm: "concurrency", limit: 2, windowMs: 0 });
    expect(await room(of(places))).toEqual({ rule: places, remaining: 1, returnsMs: 0 });
    const wide = sampleLimit({ per, limit: 1_000 });
    const narrow = sampleLimit({ per, limit: 100 });
    expect(await room(of(wide), of(narrow))).toMatchObject({ rule: narrow, remaining: 99 });
    expect(await room(of(narrow), of(wide))).toMatchObject({ rule: narrow, remaining: 98 });
    // What everybody together has used is nobody's business.
    const everybody = sampleLimit({ limit: 10 });
    expect(await room(of(everybody))).toBeUndefined();
    expect(await room(of(everybody), of(narrow))).toMatchObject({ rule: narrow, remaining: 97 });
    limiter.close();
  });

  test("a raised limit gives room at once, a lowered one counts what was", async () => {
    const { limiter, admitted } = await held();
    const rule = sampleLimit({ limit: 5 });
    expect(await admitted(9, of(rule))).toBe(5);
    expect(await admitted(9, of({ ...rule, limit: 7 }))).toBe(2);
    expect(await admitted(9, of({ ...rule, limit: 3 }))).toBe(0);
    limiter.close();
  });

  test("standing shows use and when it is over; reset forgets one subject, or all", async () => {
    const { clock, limiter, admitted } = await held();
    const late = sampleLimit({ limit: 5, windowMs: 32_000 });
    await admitted(1, of(late));
    clock.at += 16_000;
    await admitted(1, of(late));
    expect(await limiter.standing(of(late))).toEqual({ used: 2, resetMs: 33_000 });
    for (const over of [
      { algorithm: "sliding_window" },
      { algorithm: "fixed_window" },
      { algorithm: "token_bucket" },
    ] as const) {
      const rule = sampleLimit({ limit: 5, windowMs: 10_000, ...over });
      expect(await limiter.standing(of(rule))).toEqual({ used: 0, resetMs: 0 });
      await admitted(3, of(rule, "a"));
      await admitted(4, of(rule, "b"));
      const { used, resetMs } = await limiter.standing(of(rule, "a"));
      expect(used).toBe(3);
      expect(resetMs).toBeGreaterThan(0);
      expect(resetMs).toBeLessThanOrEqual(Math.ceil(10_000 * (33 / 32)));
      await limiter.reset(rule, "a");
      expect(await limiter.standing(of(rule, "a"))).toEqual({ used: 0, resetMs: 0 });
      expect((await limiter.standing(of(rule, "b"))).used).toBe(4);
      await admitted(1, of(rule, "a"));
      await limiter.reset(rule);
      expect((await limiter.standing(of(rule, "a"))).used).toBe(0);
      expect((await limiter.standing(of(rule, "b"))).used).toBe(0);
      expect(await admitted(9, of(rule, "b"))).toBe(5);
      clock.at += 60_000;
    }
    limiter.close();
  });

  test("a clock that is set back lets nothing more through", async () => {
    const { clock, limiter, admitted } = await held();
    for (const algorithm of ["sliding_window", "fixed_window", "token_bucket"] as const) {
      const rule = sampleLimit({ algorithm, limit: 3, windowMs: 10_000 });
      expect(await admitted(5, of(rule))).toBe(3);
      clock.at -= 30_000;
      expect([algorithm, await admitted(5, of(rule))]).toEqual([algorithm, 0]);
      clock.at += 30_000;
    }
    limiter.close();
  });

  test("a hundred decisions at once admit no more than the limit", async () => {
    const { limiter, ask } = await held();
    for (const algorithm of ["sliding_window", "fixed_window", "token_bucket", "concurrency"] as const) {
      const rule = sampleLimit({ algorithm, limit: 10, windowMs: algorithm === "concurrency" ? 0 : 60_000 });
      const verdicts = await Promise.all(Array.from({ length: 100 }, () => ask(of(rule))));
      expect([algorithm, verdicts.filter((verdict) => verdict.admitted).length]).toEqual([algorithm, 10]);
    }
    limiter.close();
  });
}
