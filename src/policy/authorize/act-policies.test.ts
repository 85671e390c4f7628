import { describe, expect, test } from "bun:test";
import type { Operation, OperationObject } from "../../model/operation.ts";
import type { AccessEffect, Policy } from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import { samplePrincipal } from "../../model/sample-exchange.testing.ts";
import { isVerb, matchesVerb } from "./act-pattern.ts";
import { ActPolicies } from "./act-policies.ts";
import { authorizeOperationPolicy } from "./authorize-operation.ts";
import { PermissionCache } from "./permission-cache.ts";
import { ScopeRules } from "./scope-rules.ts";

const policy = (over: Partial<Policy>): Policy => ({
  id: "id",
  name: over.name ?? "rule",
  namespaceSlug: undefined,
  effect: "deny",
  subjects: ["*"],
  actions: ["*.*"],
  resources: ["*"],
  condition: undefined,
  priority: 0,
  source: "store",
  ...over,
});
const admin = samplePrincipal({ role: "admin" });
const operator = samplePrincipal({ role: "admin", platformAdmin: true });
const github: OperationObject = { kind: "server", id: "id-1", name: "github", namespaceSlug: "default" };
const operationOf = (over: Partial<Operation> = {}): Operation => ({
  id: "correlation",
  action: "server.update",
  principal: admin,
  organizationNamed: undefined,
  actorOrganization: undefined,
  organizationId: admin.organizationId,
  actor: undefined,
  clientAddress: "10.0.0.1",
  limitNote: { closestLimit: undefined },
  roles: ["admin"],
  changes: true,
  reveals: false,
  objects: async () => [github],
  inPerson: undefined,
  permittedBy: undefined,
  refusedBy: undefined,
  target: undefined,
  namespaceId: undefined,
  before: undefined,
  after: undefined,
  ...over,
});
const NOON = Date.UTC(2026, 0, 5, 12);
const refusal = (all: readonly Policy[], over?: Partial<Operation>, defaultEffect: AccessEffect = "allow") =>
  new ActPolicies({ all, defaultEffect }).refusal(operationOf(over), NOON);

test("patterns of acts name whole nouns and whole verbs", () => {
  expect(["server.create", "server.*", "*.delete", "*.*", "rate_limit.reset"].map(isVerb)).toEqual(
    Array(5).fill(true),
  );
  expect(["server", "ser*.create", "server.", ".create", "a.b.c", "*"].map(isVerb)).toEqual(
    Array(6).fill(false),
  );
  expect(matchesVerb("*.delete", "server.delete")).toBe(true);
  expect(matchesVerb("server.*", "session.end")).toBe(false);
});

describe("what a policy denies", () => {
  test.each([
    ["its verb", { actions: ["server.update"] }, true],
    ["its noun", { actions: ["server.*"] }, true],
    ["its verb of any noun", { actions: ["*.update"] }, true],
    ["another verb", { actions: ["server.delete"] }, false],
    ["calls alone", { actions: ["*"] }, false],
    ["its role", { subjects: ["role:admin"] }, true],
    ["another role", { subjects: ["role:viewer"] }, false],
    ["the object by name", { resources: ["server:git*"] }, true],
    ["the object by id", { resources: ["server:id-1"] }, true],
    ["any object of the noun", { resources: ["server:*"] }, true],
    ["another object", { resources: ["server:other"] }, false],
    ["an object of another noun of that name", { resources: ["user:github"] }, false],
    ["the object in its namespace", { resources: ["default/server:github"] }, true],
    ["one in another namespace", { resources: ["other/server:github"] }, false],
    ["everything of its namespace", { namespaceSlug: "default" }, true],
    ["everything of another namespace", { namespaceSlug: "other" }, false],
    [
      "a condition that holds",
      { condition: 'target.namespace == "default" && client_address == "10.0.0.1"' },
      true,
    ],
    ["a condition on the time", { condition: "time.getHours() < 8" }, false],
    ["a condition that cannot be answered", { condition: "args.x == 1" }, true],
    ["an effect of a later release", { effect: "question" as AccessEffect }, true],
  ] as const)("%s: %p", async (_, over, isDenied) => {
    expect(await refusal([policy(over as Partial<Policy>)])).toBe(isDenied ? "rule" : undefined);
  });

  test("deny wins over allow, whatever the priority", async () => {
    const rules = [policy({ name: "no" }), policy({ name: "yes", effect: "allow", priority: 9 })];
    expect(await refusal(rules)).toBe("no");
  });

  test("an object that would get a name it may not have", async () => {
    const objects = async () => [github, { ...github, name: "prod-1" }];
    expect(await refusal([policy({ resources: ["server:prod-*"] })], { objects })).toBe("rule");
  });

  test("a list names no object: a pattern of some leaves it alone", async () => {
    const objects = async () => [{ ...github, id: undefined, name: undefined }];
    expect(await refusal([policy({ resources: ["server:github"] })], { objects })).toBeUndefined();
    expect(await refusal([policy({ resources: ["server:*"] })], { objects })).toBe("rule");
  });

  test("objects are looked up only where a policy about the act speaks of them", async () => {
    const objects = () => Promise.reject(new Error("looked up"));
    const all = [policy({ name: "any", resources: ["server:*"], subjects: ["role:viewer"] })];
    expect(await refusal(all, { objects })).toBeUndefined();
    const other = policy({ actions: ["user.create"], resources: ["user:x"] });
    expect(await refusal([...all, other], { objects })).toBeUndefined();
    expect(refusal([policy({ resources: ["server:x"] })], { objects })).rejects.toThrow("looked up");
  });
});

describe("the default", () => {
  const ops = policy({ name: "ops", effect: "allow", subjects: ["group:ops"], actions: ["server.update"] });
  const inOps: Principal = { ...admin, groups: ["ops"] };

  test("leaves alone what no allow names, also where it is deny", async () => {
    expect(await refusal([policy({ actions: ["user.delete"] })], {}, "deny")).toBeUndefined();
    expect(await refusal([ops], { action: "server.delete" }, "deny")).toBeUndefined();
  });

  test("deny leaves a verb that an allow names to those an allow names", async () => {
    expect(await refusal([ops], {}, "deny")).toBe("policies.default");
    expect(await refusal([ops], { principal: inOps }, "deny")).toBeUndefined();
    expect(await refusal([ops], { principal: operator }, "deny")).toBe("policies.default");
  });

  test("deny holds for other objects than the allowed ones too", async () => {
    const some = { ...ops, resources: ["server:prod-*"] };
    expect(await refusal([some], { principal: inOps }, "deny")).toBe("policies.default");
  });

  test("allow makes an allow a remark, as for calls", async () => {
    expect(await refusal([ops], {}, "allow")).toBeUndefined();
  });
});

test("a platform administrator may always see and change policies, and nobody else", async () => {
  const all = [policy({})];
  for (const action of ["policy.update", "policy.delete", "policy.create", "policy.list"]) {
    expect(await refusal(all, { action, principal: operator }, "deny")).toBeUndefined();
    expect(await refusal(all, { action })).toBe("rule");
  }
  expect(await refusal(all, { action: "user.create", principal: operator })).toBe("rule");
});

describe("the layer", () => {
  const rules = new ScopeRules(
    {
      permissions: { "admin:user_management": ["scope:admin"], "admin:server.*": ["s", "t"], "*:*": ["any"] },
      scopeMode: "any",
      defaultScope: "any",
    },
    { url: "http://gateway.test", issuers: ["https://issuer.test"] },
  );
  const run = async (all: readonly Policy[], over: Partial<Operation>) => {
    const operation = operationOf(over);
    const policies = { all, defaultEffect: "allow" as const };
    const layer = authorizeOperationPolicy<string>(
      (id) => (id === admin.organizationId ? policies : undefined),
      () => rules,
      () => NOON,
    );
    try {
      return await layer(operation, () => "done");
    } catch (thrown) {
      return { code: (thrown as { code: string }).code, refusedBy: operation.refusedBy };
    }
  };

  test("an allow opens nothing that the role table does not", async () => {
    const viewer = samplePrincipal({ role: "viewer" });
    expect(await run([policy({ effect: "allow" })], { principal: viewer })).toEqual({
      code: "forbidden",
      refusedBy: undefined,
    });
  });

  const claiming = (acts: string[], scopes: string[], over: Partial<Principal> = {}) =>
    samplePrincipal({ role: "viewer", permissions: ["*"], acts, scopes, ...over });
  const users = claiming(["admin:user_management"], ["scope:admin"]);
  const refused = (code: string) => ({ code, refusedBy: undefined });

  test.each<[string, string | ReturnType<typeof refused>, Partial<Operation>]>([
    ["an act of a pattern it holds", "done", { principal: users, action: "user.create" }],
    ["another act, that no scope opens", refused("forbidden"), { principal: users, action: "log.read" }],
    ["another act, that a scope opens", refused("insufficient_scope"), { principal: users }],
    ["platform-wide", refused("forbidden"), { principal: claiming(["admin:*"], ["x"]), roles: [] }],
    ["everything", "done", { principal: claiming(["admin:*"], ["x"]) }],
    [
      "everything, bound to a namespace",
      refused("forbidden"),
      { principal: claiming(["admin:*"], [], { namespaceBound: true }) },
    ],
    ["a default scope", refused("forbidden"), { principal: claiming([], ["any"]), action: "log.read" }],
    ["no scopes", refused("forbidden"), { principal: samplePrincipal({ acts: ["admin:*"] }) }],
  ])("what scopes add to the role: %s", async (_what, expected, over) => {
    expect(await run([], over)).toEqual(expected);
  });

  test("a policy narrows what scopes permit; the pattern that let somebody in is kept for the record", async () => {
    const by = operationOf({ principal: users, action: "user.create" });
    await authorizeOperationPolicy<string>(
      () => undefined,
      () => rules,
      () => NOON,
    )(by, () => "done");
    expect(by.permittedBy).toBe("admin:user_management");
    expect(await run([policy({ name: "no" })], { principal: users, action: "user.create" })).toEqual({
      code: "denied_by_policy",
      refusedBy: "no",
    });
  });

  test("a denial says by which policy; its own organisation's follow the caller, a third one's mean nothing", async () => {
    const denied = { code: "denied_by_policy", refusedBy: "no" };
    expect(await run([policy({ name: "no" })], {})).toEqual(denied);
    expect(await run([policy({ name: "no" })], { organizationId: "other" })).toEqual(denied);
    const stranger = samplePrincipal({ role: "admin", organizationId: "other" });
    expect(await run([policy({ name: "no" })], { principal: stranger })).toEqual(denied);
    expect(await run([policy({})], { principal: stranger, organizationId: "other" })).toBe("done");
    expect(await run([], {})).toBe("done");
  });
});

test("policies about acts alone change nothing for calls, whatever the default", () => {
  const cache = new PermissionCache(() => ({ all: [policy({})], defaultEffect: "deny" }));
  const granted = cache.of(samplePrincipal({ permissions: ["a:*"] }), "default");
  expect([granted.tool("a", "x"), granted.tool("b", "x"), granted.isUnconditional]).toEqual([
    true,
    false,
    true,
  ]);
});
