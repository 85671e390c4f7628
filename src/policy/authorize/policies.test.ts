import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Policies, Policy, PolicyAction } from "../../model/policy.ts";
import { ORGANIZATION_ID, samplePrincipal } from "../../model/sample-exchange.testing.ts";
import { compileCondition, isFault } from "./condition.ts";
import type { Kind } from "./pattern.ts";
import { PermissionCache } from "./permission-cache.ts";
import { subjectsOf } from "./policed-permissions.ts";

const policy = (over: Partial<Policy> = {}): Policy => ({
  id: "id",
  name: over.name ?? "rule",
  namespaceSlug: undefined,
  effect: "deny",
  subjects: ["*"],
  actions: ["*"],
  resources: ["*"],
  condition: undefined,
  priority: 0,
  source: "store",
  ...over,
});
const cacheOf = (all: readonly Policy[], defaultEffect: Policies["defaultEffect"] = "allow") => {
  const policies = { all, defaultEffect };
  return new PermissionCache((id) => (id === ORGANIZATION_ID ? policies : undefined));
};
const of = (all: readonly Policy[], defaultEffect?: "allow" | "deny", over = {}) =>
  cacheOf(all, defaultEffect).of(samplePrincipal(over), "default");
const facts = (args = {}) => ({ args, clientAddress: "10.0.0.1", now: Date.UTC(2026, 0, 5, 12) });

describe("policies narrow what is granted", () => {
  test("deny wins over allow, whatever the priority", () => {
    const rules = [policy({ resources: ["a:x"] }), policy({ name: "b", effect: "allow", priority: 9 })];
    expect(of(rules).tool("a", "x")).toBe(false);
    expect(of(rules).tool("a", "y")).toBe(true);
  });

  test("an allow opens nothing that the permissions do not", () => {
    const granted = of([policy({ effect: "allow" })], "deny", { permissions: ["a:*"] });
    expect([granted.tool("a", "x"), granted.tool("b", "x")]).toEqual([true, false]);
  });

  test("the default decides where no policy applies; without any policy nothing changes", () => {
    const one = [policy({ effect: "allow", resources: ["a:x"] })];
    expect([of(one, "deny").tool("a", "y"), of(one, "allow").tool("a", "y")]).toEqual([false, true]);
    expect(of([], "deny").tool("a", "y")).toBe(true);
  });

  test("another organisation's policies mean nothing", () => {
    const elsewhere = cacheOf([policy()]).of(samplePrincipal({ organizationId: "other" }), "default");
    expect(elsewhere.tool("a", "x")).toBe(true);
  });

  test("a policy of one namespace, or about another one's servers, leaves this one alone", () => {
    expect(of([policy({ namespaceSlug: "other" })]).tool("a", "x")).toBe(true);
    expect(of([policy({ resources: ["other/a:*"] })]).tool("a", "x")).toBe(true);
    expect(of([policy({ resources: ["default/a:*"] })]).tool("a", "x")).toBe(false);
  });

  test("administrators are bound too", () => {
    expect(of([policy({ resources: ["a:x"] })], "allow", { role: "admin" }).tool("a", "x")).toBe(false);
  });

  test("a denied list hides from lists and stays callable", () => {
    const granted = of([policy({ actions: ["list"], resources: ["a:x"] })]);
    expect([
      granted.tool("a", "x"),
      granted.listed("tool", "a", "x"),
      granted.listed("tool", "a", "y"),
    ]).toEqual([true, false, true]);
  });

  test("a server of which nothing is left does not exist", () => {
    expect(of([policy({ resources: ["a:*"] })]).server("a")).toBe(false);
    expect(of([policy({ resources: ["a:*"], actions: ["call"] })]).server("a")).toBe(true);
    expect(of([policy({ effect: "allow", resources: ["a:x"] })], "deny").server("b")).toBe(false);
    const viewers = [policy({ resources: ["a:*"], condition: 'principal.role == "viewer"' })];
    expect(of(viewers, "allow", { role: "viewer" }).server("a")).toBe(false);
    expect(of(viewers, "allow", { role: "user" }).server("a")).toBe(true);
  });
});

describe("conditions", () => {
  test("on principal and annotations decide visibility", () => {
    const granted = of([policy({ condition: "tool.annotations.destructiveHint == true" })]);
    const hint = (destructiveHint: boolean) => ({ annotations: { destructiveHint } });
    expect(granted.tool("a", "x", hint(true))).toBe(false);
    expect(granted.tool("a", "x", hint(false))).toBe(true);
    expect(granted.tool("a", "x", {})).toBe(false); // it cannot be answered
  });

  test("on the call leave the tool visible and refuse by name", () => {
    const granted = of([policy({ name: "no-force", condition: "has(args.force) && args.force" })]);
    expect(granted.tool("a", "x")).toBe(true);
    const refused = (args: object) => granted.refusal("tool", "a", "x", undefined, facts(args))?.name;
    expect([refused({}), refused({ force: true }), refused({ force: "yes" })]).toEqual([
      undefined,
      "no-force",
      "no-force",
    ]);
  });

  test("of an allow must hold where the default denies", () => {
    const granted = of([policy({ name: "small", effect: "allow", condition: "args.n < 5" })], "deny");
    const refused = (args: object) => granted.refusal("tool", "a", "x", undefined, facts(args))?.name;
    expect(granted.tool("a", "x")).toBe(true);
    expect([refused({ n: 4 }), refused({ n: 5 }), refused({})]).toEqual([undefined, "small", "small"]);
  });

  test("on the principal keep the lists of two principals apart", () => {
    const cache = cacheOf([policy({ condition: 'principal.name == "eve"' })]);
    const [eve, bob] = ["eve", "bob"].map((name) =>
      cache.of(samplePrincipal({ name, permissionKey: "same" }), "default"),
    );
    expect([eve?.tool("a", "x"), bob?.tool("a", "x")]).toEqual([false, true]);
    expect(eve?.key).not.toBe(bob?.key);
  });

  test("without them principals whom the same policies name share lists", () => {
    const cache = cacheOf([policy({ subjects: ["group:ops"] })]);
    const keyOf = (id: string, groups: string[]) => cache.keyOf(samplePrincipal({ id, groups }));
    expect(keyOf("key:1", ["ops"])).toBe(keyOf("key:2", ["ops", "dev"]));
    expect(keyOf("key:1", ["ops"])).not.toBe(keyOf("key:2", ["dev"]));
  });
});

/** The meaning of policies, written once more, as slowly and plainly as can be. */
function naive(
  all: readonly Policy[],
  defaultEffect: "allow" | "deny",
  principal: ReturnType<typeof samplePrincipal>,
  kind: Kind,
  server: string,
  name: string,
): boolean {
  const action: PolicyAction = kind === "resource" ? "read" : kind === "prompt" ? "get" : "call";
  const glob = (pattern: string, value: string) =>
    new RegExp(
      `^${pattern
        .split("*")
        .map((part) => part.replace(/[^a-z0-9]/g, "\\$&"))
        .join(".*")}$`,
      "s",
    ).test(value);
  const names = (one: Policy) =>
    one.resources.some((written) => {
      const [, namespace, plain] = /^(?:([a-z0-9-]+|\*)\/)?(.*)$/s.exec(written) as unknown as string[];
      if (namespace !== undefined && namespace !== "default" && namespace !== "*") return false;
      const text = plain === "*" ? "*:*" : (plain as string);
      const ofServer = text.slice(0, text.indexOf(":"));
      const rest = text.slice(text.indexOf(":") + 1);
      if (!glob(ofServer, server)) return false;
      const typed = /^(resource|prompt|extension):(.*)$/s.exec(rest);
      if (typed !== null) return typed[1] === kind && glob(typed[2] as string, name);
      if (rest === "*") return kind !== "extension" || one.effect === "deny";
      return kind === "tool" && glob(rest, name);
    });
  const applying = all.filter(
    (one) =>
      (one.namespaceSlug ?? "default") === "default" &&
      one.subjects.some((subject) => subjectsOf(principal).includes(subject)) &&
      one.actions.some((each) => each === "*" || each === action) &&
      names(one),
  );
  if (applying.some(({ effect }) => effect === "deny")) return false;
  return applying.length > 0 || defaultEffect === "allow";
}

const word = fc.constantFrom("a", "b", "ab", "*", "a*", "*b");
const pattern = fc
  .tuple(
    fc.constantFrom("", "", "default/", "other/", "*/"),
    word,
    fc.constantFrom("", "", "prompt:", "resource:", "extension:"),
    word,
  )
  .map(([namespace, server, kind, name]) => `${namespace}${server}:${kind}${name}`);
const anyPolicy = fc.record({
  effect: fc.constantFrom("allow" as const, "deny" as const),
  namespaceSlug: fc.constantFrom(undefined, undefined, "default", "other"),
  subjects: fc.array(fc.constantFrom("*", "role:user", "role:viewer", "group:ops", "user:1", "key:1"), {
    minLength: 1,
    maxLength: 3,
  }),
  actions: fc.array(fc.constantFrom<PolicyAction>("*", "call", "read", "get", "list"), {
    minLength: 1,
    maxLength: 2,
  }),
  resources: fc.array(pattern, { minLength: 1, maxLength: 3 }),
  priority: fc.nat(3),
});

test("the index decides as a walk over all policies does", () => {
  fc.assert(
    fc.property(
      fc.array(anyPolicy, { maxLength: 8 }),
      fc.constantFrom("allow" as const, "deny" as const),
      fc.constantFrom<Kind>("tool", "prompt", "resource", "extension"),
      fc.constantFrom("a", "b", "ab"),
      fc.constantFrom("a", "b", "ab", "c"),
      fc.subarray(["ops", "dev"]),
      (drafts, defaultEffect, kind, server, name, groups) => {
        const all = drafts.map((draft, index) => policy({ ...draft, name: `p${index}` }));
        const principal = samplePrincipal({ role: "admin", platformAdmin: true, groups, userId: "1" });
        const granted = cacheOf(all, defaultEffect).of(principal, "default");
        const expected = all.length === 0 || naive(all, defaultEffect, principal, kind, server, name);
        expect(granted[kind](server, name)).toBe(expected);
        if (expected && kind !== "extension") expect(granted.server(server)).toBe(true);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("no condition's text makes the check throw or take long", () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 200, unit: fc.constantFrom(..."args.x()[]{}&|!<>=\"'1+-*/?:, \n".split("")) }),
      (source) => {
        const result = compileCondition(source);
        if (isFault(result)) expect([result.line > 0, result.column > 0]).toEqual([true, true]);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("a decision costs the same with ten policies and with ten thousand", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      policy({
        name: `p${i}`,
        effect: i % 2 === 0 ? "allow" : "deny",
        subjects: [["*"], [`user:${i}`], [`group:g${i}`]][i % 3] as string[],
        resources: [`s${i}:*`, `s${i % 100}:tool${i}`],
        condition: i % 5 === 0 ? "args.n < 100" : undefined,
      }),
    );
  const costUs = (count: number) => {
    const cache = cacheOf(many(count), "allow");
    const principal = samplePrincipal({ groups: ["g0", "g2"] });
    const decide = () => {
      const granted = cache.of(principal, "default");
      granted.tool("s0", "tool0");
      granted.refusal("tool", "s0", "tool0", undefined, facts({ n: 5 }));
    };
    for (let i = 0; i < 20_000; i++) decide();
    const before = process.cpuUsage();
    for (let i = 0; i < 50_000; i++) decide();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 50_000;
  };
  const few = Math.min(costUs(10), costUs(10));
  const lots = Math.min(costUs(10_000), costUs(10_000));
  console.info(`decision: ${few.toFixed(2)} µs with 10 policies, ${lots.toFixed(2)} µs with 10,000`);
  expect(lots).toBeLessThan(Math.max(few * 3, few + 5));
  expect(lots).toBeLessThan(50);
});
