import { describe, expect, test } from "bun:test";
import { samplePrincipal } from "../../model/sample-exchange.testing.ts";
import {
  type Condition,
  type ConditionContext,
  ConditionPrincipal,
  ConditionTool,
  compileCondition,
  isFault,
} from "./condition.ts";

const context = (args: Record<string, unknown> = {}, over: Partial<ConditionContext> = {}) => ({
  principal: new ConditionPrincipal(samplePrincipal({ role: "user", groups: ["ops"] })),
  tool: new ConditionTool("default", "tool", "github", "create_issue", { readOnlyHint: false }),
  args,
  time: new Date("2026-03-02T22:30:00Z"),
  client_address: "10.1.2.3",
  ...over,
});
const compiled = (source: string): Condition => {
  const result = compileCondition(source);
  if (isFault(result)) throw new Error(`${result.line}:${result.column} ${result.message}`);
  return result;
};
const fault = (source: string) => {
  const result = compileCondition(source);
  return isFault(result) ? `${result.line}:${result.column} ${result.message}` : "no fault";
};

describe("what a condition may ask", () => {
  test.each([
    ["args.amount < 100", { amount: 99.5 }, true],
    ["args.amount < 100", { amount: 100 }, false],
    ["args.amount == 7", { amount: 7 }, true],
    ['args.repo.owner == "acme"', { repo: { owner: "acme" } }, true],
    ["has(args.force) && args.force", {}, false],
    ['"ops" in principal.groups && principal.role == "user"', {}, true],
    ["tool.annotations.readOnlyHint == true", {}, false],
    ["time.getHours() >= 22", {}, true],
    ['time.getHours("Europe/Zurich") == time.getHours("Europe/Berlin")', {}, true],
    ['client_address.startsWith("10.") && tool.namespace == "default"', {}, true],
    ['args.branch.matches("^release/")', { branch: "release/1" }, true],
    ['args.tags.all(tag, tag.matches("^[a-z]+$"))', { tags: ["a", "B"] }, false],
  ] as const)("%s of %p: %p", (source, args, expected) => {
    expect(compiled(source).holds(context(args))).toBe(expected);
  });

  test("what is decided per call is told apart from what never changes between two calls", () => {
    expect(compiled('principal.role == "user"')).toMatchObject({
      dependsOnCall: false,
      readsPrincipal: true,
    });
    expect(compiled('tool.name == "x"')).toMatchObject({ dependsOnCall: false, readsPrincipal: false });
    for (const source of ["has(args.x)", "time.getHours() < 6", 'client_address == "::1"'])
      expect(compiled(source).dependsOnCall).toBe(true);
  });
});

describe("a condition that cannot be answered fails", () => {
  test.each([
    ["args.amount < 100", {}],
    ["args.amount < 100", { amount: "many" }],
    ["args.flag", { flag: "yes" }],
    ["args.list.all(x, x > 0)", { list: Array.from({ length: 20_000 }, () => 1) }],
    ['args.text.matches("a")', { text: "a".repeat(20_000) }],
  ])("%s", (source, args) => {
    expect(() => compiled(source).holds(context(args as Record<string, unknown>))).toThrow();
  });

  test("names of an object's own kind are not arguments", () => {
    expect(() => compiled('args.constructor.name == "Object"').holds(context({}))).toThrow();
    expect(compiled("has(args.__proto__) || has(args.toString)").holds(context({}))).toBe(false);
  });
});

describe("a wrong condition is refused where it is written, with the place", () => {
  test.each([
    ["args.a ==", /^1:10 /],
    ["true &&\n  bogus == 1", /^2:3 Unknown variable: bogus/],
    ["principal.password == 1", /^1:11 No such key: password/],
    ["principal.role > 5", /^1:1 /],
    ['"text"', /must be true or false/],
    ["args.a.all(x, args.b.all(y, x == y))", /^1:15 comprehensions may not be nested/],
    ["principal.name.matches(args.pattern)", /the pattern of matches must be written out/],
    ['principal.name.matches("(?=a)")', /^1:24 not a regular expression/],
    ["principal.name.matches('a', 'b')", /matches/],
    ['time.getHours("Mars/Olympus") < 8', /^1:15 no time zone is called Mars/],
    [`${"(".repeat(40)}true${")".repeat(40)}`, /depth/i],
    [`args.a == "${"x".repeat(2_000)}"`, /longer than 2000 characters/],
    [Array.from({ length: 120 }, () => "true").join("||"), /node/i],
    ["unknownFunction(1)", /^1:\d+ /],
    ["x".repeat(1_999), /^1:1 Unknown variable: x{63}…$/],
    [`time.getHours("${"x".repeat(1_900)}") < 8`, /^1:15 no time zone is called x{63}…$/],
  ])("%s", (source, expected) => {
    expect(fault(source)).toMatch(expected);
  });
});

test("a pattern that stalls other engines is matched in linear time", () => {
  const { holds } = compiled('args.text.matches("^(a+)+$")');
  const before = process.cpuUsage().user;
  expect(holds(context({ text: `${"a".repeat(5_000)}!` }))).toBe(false);
  expect((process.cpuUsage().user - before) / 1e3).toBeLessThan(2_000);
});
