import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import type { Policy } from "../../model/policy.ts";
import { samplePrincipal } from "../../model/sample-exchange.testing.ts";
import { compilePermissions } from "./permissions.ts";
import { NamespacePolicies } from "./policed-permissions.ts";

test("views that are dropped are gone, with what they remembered", () => {
  const groups = Array.from({ length: 2_600 }, (_, n) => `g${n}`);
  const policy: Policy = {
    id: "id",
    name: "rule",
    namespaceSlug: undefined,
    effect: "deny",
    subjects: groups.map((group) => `group:${group}`),
    actions: ["*"],
    resources: ["files:*"],
    condition: undefined,
    priority: 0,
    source: "store",
  };
  const policies = new NamespacePolicies({ all: [policy], defaultEffect: "allow" }, "default", 0);
  const see = (group: string) => {
    const principal = samplePrincipal({ groups: [group] });
    const permissions = policies.narrow(compilePermissions(principal, "default"), principal);
    return [permissions.tool("files", "read", {}), permissions.tool("github", "read", {})];
  };
  const maps = () => {
    Bun.gc(true);
    return heapStats().objectTypeCounts.Map ?? 0;
  };
  const seen = (from: number, to: number) => {
    for (const group of groups.slice(from, to)) expect(see(group)).toEqual([false, true]);
  };
  seen(0, 500);
  const ofOneGeneration = maps();
  seen(500, 2_600);
  expect(maps()).toBeLessThan(ofOneGeneration);
});
