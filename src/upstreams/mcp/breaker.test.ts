import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { backoffMs, RetryBudget } from "./backoff.ts";
import { CircuitBreaker } from "./breaker.ts";

describe("circuit breaker", () => {
  test("opens after five failures in a row, not five in all", () => {
    const breaker = new CircuitBreaker(5, 2000);
    for (let i = 0; i < 4; i++) breaker.failed(0);
    breaker.succeeded();
    for (let i = 0; i < 4; i++) breaker.failed(0);
    expect(breaker.state).toBe("closed");
    breaker.failed(0);
    expect(breaker.state).toBe("open");
    expect(breaker.admit(1999)).toBe(false);
    expect(breaker.restMs(500)).toBe(1500);
  });

  test("half open lets one call try; its end decides", () => {
    const breaker = new CircuitBreaker(1, 2000);
    breaker.failed(0);
    expect([breaker.admit(2000), breaker.admit(2000)]).toEqual([true, false]);
    breaker.failed(2100);
    expect([breaker.state, breaker.admit(4000), breaker.admit(4100)]).toEqual(["open", false, true]);
    breaker.released();
    expect(breaker.admit(4100)).toBe(true);
    breaker.succeeded();
    expect([breaker.state, breaker.admit(4100), breaker.admit(4100)]).toEqual(["closed", true, true]);
  });

  test("calls that fail while it is open do not make the rest endless", () => {
    const breaker = new CircuitBreaker(5, 2000);
    for (let i = 0; i < 50; i++) breaker.failed(i);
    expect(breaker.opened).toBe(1);
    expect(breaker.admit(50 + 2000)).toBe(true);
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
