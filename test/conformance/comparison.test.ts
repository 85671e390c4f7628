import { describe, expect, test } from "bun:test";
import { compare } from "./comparison.ts";
import type { CheckStatus, Scenario } from "./suite.ts";

function scenario(name: string, statuses: Readonly<Record<string, CheckStatus>>, isScored = true): Scenario {
  const checks = Object.entries(statuses).map(([key, status]) => ({
    key,
    status,
    message: `${key} ${status}`,
  }));
  return { name, isScored, checks };
}

describe("a scored scenario that is green directly", () => {
  const direct = [scenario("a", { one: "SUCCESS", two: "SUCCESS" })];

  test("is kept when it is green through the gateway", () => {
    expect(compare(direct, direct)).toMatchObject({
      broken: [],
      differences: [],
      greenDirect: 1,
      greenThrough: 1,
    });
  });

  for (const status of ["FAILURE", "WARNING"] as const) {
    test(`is lost by one ${status}, and the check is named`, () => {
      const { broken, differences } = compare(direct, [scenario("a", { one: "SUCCESS", two: status })]);
      expect(broken).toEqual(["a"]);
      expect(differences).toEqual([
        { scenario: "a", check: "two", direct: "SUCCESS", through: status, message: `two ${status}` },
      ]);
    });
  }

  test("is lost when it left no result", () => {
    expect(compare(direct, []).broken).toEqual(["a"]);
    expect(compare(direct, [scenario("a", {})]).broken).toEqual(["a"]);
  });

  test("is lost when all its checks were skipped", () => {
    expect(compare(direct, [scenario("a", { one: "SKIPPED", two: "SKIPPED" })]).broken).toEqual(["a"]);
  });

  test("is kept when one of its checks is only information; the difference is told", () => {
    const { broken, differences } = compare(direct, [scenario("a", { one: "SUCCESS", two: "INFO" })]);
    expect({ broken, differing: differences.length }).toEqual({ broken: [], differing: 1 });
  });
});

test("an unscored scenario is told apart, and one that is red directly is nobody's loss", () => {
  const direct = [scenario("a", { one: "SUCCESS" }, false), scenario("b", { one: "FAILURE" })];
  const through = [scenario("a", { one: "FAILURE" }, false), scenario("b", { one: "FAILURE" })];
  expect(compare(direct, through)).toMatchObject({ broken: [], brokenUnscored: ["a"] });
});
