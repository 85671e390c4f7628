import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { backoffMs, RetryBudget } from "./backoff.ts";
import { CircuitBreaker, type FailureKind } from "./breaker.ts";

describe("circuit breaker", () => {
  const make = (failuresMax: number) => new CircuitBreaker(failuresMax, 2000, 2500);
  const failTimes = (breaker: CircuitBreaker, times: number, kind: FailureKind = "call") => {
    const round = breaker.admit(0) as number;
    for (let i = 0; i < times; i++) breaker.failed(i, round, kind);
  };
  const admits = (breaker: CircuitBreaker, now: number) => breaker.admit(now) !== undefined;

  test("opens after five failures in a row, not five in all", () => {
    const breaker = make(5);
    failTimes(breaker, 4);
    breaker.succeeded();
    failTimes(breaker, 4);
    expect(breaker.state).toBe("closed");
    failTimes(breaker, 1);
    expect(breaker.state).toBe("open");
    expect(admits(breaker, 1999)).toBe(false);
    expect(breaker.restMs(500)).toBe(1500);
  });

  test("half open lets one call try; its end decides", () => {
    const breaker = make(1);
    failTimes(breaker, 1);
    const trial = breaker.admit(2000) as number;
    expect([trial, breaker.admit(2000), breaker.restMs(2100)]).toEqual([1, undefined, 2400]);
    breaker.failed(2100, trial, "call");
    expect([breaker.state, breaker.opened, admits(breaker, 4000)]).toEqual(["open", 1, false]);
    breaker.released(breaker.admit(4100) as number);
    expect([admits(breaker, 4100), admits(breaker, 4100)]).toEqual([true, false]);
    breaker.succeeded();
    expect([breaker.state, admits(breaker, 4100), admits(breaker, 4100)]).toEqual(["closed", true, true]);
  });

  test("a trial that hangs does not keep the next from trying for long", () => {
    const breaker = make(1);
    failTimes(breaker, 1);
    expect([2000, 4499, 4500, 4501].map((now) => admits(breaker, now))).toEqual([true, false, true, false]);
  });

  test("calls from before it opened neither prolong the rest nor decide for the trial", () => {
    const breaker = make(5);
    failTimes(breaker, 50);
    expect([breaker.opened, breaker.restMs(4)]).toEqual([1, 2000]);
    expect(admits(breaker, 2004)).toBe(true);
    breaker.failed(2100, 0, "call");
    breaker.released(0);
    expect([breaker.state, admits(breaker, 2200)]).toEqual(["half_open", false]);
  });

  test("an answered health check settles failures of the connection, and nothing once a call failed", () => {
    const breaker = make(5);
    failTimes(breaker, 5, "connection");
    breaker.reachable();
    expect(breaker.state).toBe("closed");
    failTimes(breaker, 4, "call");
    breaker.reachable();
    failTimes(breaker, 1, "connection");
    expect(breaker.state).toBe("open");
    breaker.reachable();
    expect(breaker.state).toBe("open");
    breaker.succeeded();
    failTimes(breaker, 5, "connection");
    breaker.reachable();
    expect(breaker.state).toBe("closed");
  });
});

test("back-off stays between zero and the exponential value, and under its cap", () => {
  fc.assert(
    fc.property(
      fc.nat(2000),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, random) => {
        const delay = backoffMs(attempt, 50, 2000, () => random);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(Math.min(2000, 50 * 2 ** Math.min(attempt, 10)));
      },
    ),
  );
  expect(backoffMs(3, 50, 2000, () => 0.5)).toBe(200);
});

test("the retry budget gives a share of the calls", () => {
  const budget = new RetryBudget(0.2, 10);
  for (let i = 0; i < 10; i++) expect(budget.withdraw()).toBe(true);
  expect(budget.withdraw()).toBe(false);
  let granted = 0;
  for (let call = 0; call < 1000; call++) {
    budget.deposit();
    if (budget.withdraw()) granted++;
  }
  expect(granted).toBeGreaterThan(190);
  expect(granted).toBeLessThanOrEqual(201);
});
