import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LimitRule } from "../../model/limit-rule.ts";
import { sampleLimit } from "../../model/sample-limit.testing.ts";
import { MemoryLimiter } from "./memory-limiter.ts";

function heldLimiter(options: { processes?: () => number; subjectsMax?: number } = {}) {
  const clock = { at: 1_800_000_000_000, now: () => clock.at };
  return { clock, limiter: new MemoryLimiter({ clock, ...options }) };
}

/** Steps of a run: pauses in milliseconds, from bursts to idleness past the window. */
const pauses = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 5, arbitrary: fc.integer({ min: 1, max: 50 }) },
    { weight: 1, arbitrary: fc.integer({ min: 51, max: 3_000 }) },
  ),
  { minLength: 1, maxLength: 300 },
);

/** Times of what was admitted. */
function run(rule: LimitRule, start: number, steps: readonly number[]): number[] {
  const { clock, limiter } = heldLimiter();
  clock.at += start;
  const times: number[] = [];
  for (const pause of steps) {
    clock.at += pause;
    if (limiter.decide([{ rule, subject: "a" }]).admitted) times.push(clock.at);
  }
  return times;
}

describe("whenever calls come", () => {
  const limits = fc.integer({ min: 1, max: 20 });
  const windows = fc.integer({ min: 7, max: 2_000 });
  const starts = fc.integer({ min: 0, max: 10_000 });

  test("a sliding window admits no more than its limit in any window", () => {
    fc.assert(
      fc.property(limits, windows, starts, pauses, (limit, windowMs, start, steps) => {
        const times = run(sampleLimit({ limit, windowMs }), start, steps);
        times.forEach((time, n) => {
          const first = times[n - limit];
          if (first !== undefined) expect(time - first).toBeGreaterThanOrEqual(windowMs);
        });
      }),
      { numRuns: 500 },
    );
  });

  test("and refuses nothing an exact window would take, but for 1/32 of its length", () => {
    fc.assert(
      fc.property(limits, windows, starts, pauses, (limit, windowMs, start, steps) => {
        const rule = sampleLimit({ limit, windowMs });
        const { clock, limiter } = heldLimiter();
        clock.at += start;
        const times: number[] = [];
        for (const pause of steps) {
          clock.at += pause;
          const within = times.filter((time) => time > clock.at - windowMs * (33 / 32) - 1).length;
          const { admitted } = limiter.decide([{ rule, subject: "a" }]);
          if (within < limit) expect(admitted).toBe(true);
          if (admitted) times.push(clock.at);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a fixed window admits no more than its limit in each, a bucket no more than burst and refill", () => {
    fc.assert(
      fc.property(limits, windows, limits, starts, pauses, (limit, windowMs, burst, start, steps) => {
        const fixed = run(sampleLimit({ algorithm: "fixed_window", limit, windowMs }), start, steps);
        const byWindow = Map.groupBy(fixed, (time) => Math.floor(time / windowMs));
        for (const times of byWindow.values()) expect(times.length).toBeLessThanOrEqual(limit);
        const bucket = run(sampleLimit({ algorithm: "token_bucket", limit, windowMs, burst }), start, steps);
        bucket.forEach((from, n) => {
          for (let m = n; m < bucket.length; m++) {
            const time = bucket[m] as number;
            expect(m - n + 1).toBeLessThanOrEqual(burst + ((time - from) * limit) / windowMs + 1e-6);
          }
        });
      }),
      { numRuns: 200 },
    );
  });

  test("a refusal's wait is enough where nobody else comes", () => {
    const algorithms = fc.constantFrom("sliding_window", "fixed_window", "token_bucket");
    fc.assert(
      fc.property(algorithms, limits, windows, pauses, (algorithm, limit, windowMs, steps) => {
        const rule = sampleLimit({ algorithm: algorithm as "fixed_window", limit, windowMs });
        const { clock, limiter } = heldLimiter();
        for (const pause of steps) {
          clock.at += pause;
          const verdict = limiter.decide([{ rule, subject: "a" }]);
          if (verdict.admitted) continue;
          clock.at += verdict.retryAfterMs;
          expect(limiter.decide([{ rule, subject: "a" }]).admitted).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("shares", () => {
  test("several processes together stay within the limit; each has one place at least", () => {
    const count = (limit: number, processes: number) => {
      const rule = sampleLimit({ limit });
      let admitted = 0;
      for (let process = 0; process < processes; process++) {
        const { limiter } = heldLimiter({ processes: () => processes });
        for (let n = 0; n < 200; n++) if (limiter.decide([{ rule, subject: "a" }]).admitted) admitted++;
      }
      return admitted;
    };
    expect(count(100, 3)).toBe(99);
    expect(count(100, 1)).toBe(100);
    expect(count(2, 4)).toBe(4);
  });

  test("one more process takes room away at once", () => {
    let processes = 1;
    const { limiter } = heldLimiter({ processes: () => processes });
    const demand = [{ rule: sampleLimit({ limit: 10 }), subject: "a" }];
    for (let n = 0; n < 5; n++) expect(limiter.decide(demand).admitted).toBe(true);
    processes = 2;
    expect(limiter.decide(demand).admitted).toBe(false);
    processes = 1;
    expect(limiter.decide(demand).admitted).toBe(true);
  });
});

describe("memory", () => {
  test("past the bound new subjects share one count: bounded, and never a way around", () => {
    const { limiter } = heldLimiter({ subjectsMax: 100 });
    const rule = sampleLimit({ limit: 3 });
    const ask = (subject: number) => limiter.decide([{ rule, subject: String(subject) }]).admitted;
    for (let subject = 0; subject < 100; subject++) expect(ask(subject)).toBe(true);
    let admitted = 0;
    for (let subject = 100; subject < 1_000; subject++) if (ask(subject)) admitted++;
    expect(admitted).toBe(3);
    expect(ask(5)).toBe(true);
  });

  test("subjects that matter no more are forgotten, and those that do are not", () => {
    const { clock, limiter } = heldLimiter({ subjectsMax: 100 });
    const rule = sampleLimit({ limit: 2, windowMs: 60_000 });
    const ask = (subject: string) => limiter.decide([{ rule, subject }]).admitted;
    for (let round = 0; round < 20; round++) {
      for (let n = 0; n < 100; n++) expect(ask(`${round}-${n}`)).toBe(true);
      clock.at += 62_000;
    }
    expect(ask("late")).toBe(true);
    clock.at += 55_000;
    expect(ask("late")).toBe(true);
    clock.at += 4_000;
    expect(ask("late")).toBe(false);
  });

  test("a call under way is counted however long it takes", () => {
    const { clock, limiter } = heldLimiter();
    const rule = sampleLimit({ algorithm: "concurrency", limit: 1, windowMs: 0 });
    const held = limiter.decide([{ rule, subject: "a" }]);
    for (let n = 0; n < 5; n++) {
      clock.at += 60_000;
      expect(limiter.decide([{ rule, subject: "a" }]).admitted).toBe(false);
    }
    if (held.admitted) held.release?.();
    expect(limiter.decide([{ rule, subject: "a" }]).admitted).toBe(true);
  });

  test("thousands of rules that came and went are forgotten", () => {
    const { clock, limiter } = heldLimiter();
    for (let n = 0; n < 5_000; n++) {
      limiter.decide([{ rule: sampleLimit({ windowMs: 1_000 }), subject: "a" }]);
      clock.at += 1_000;
    }
    expect(limiter.rules).toBeLessThanOrEqual(1_000);
  });
});
