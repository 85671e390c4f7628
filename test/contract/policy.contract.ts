import { describe, expect, test } from "bun:test";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { id, tenant } from "./store-fixture.ts";

/** What every store keeps of policies. */
export function policyContract(open: () => OperatedStore): void {
  describe("policies", () => {
    const failure = (promise: Promise<unknown>) =>
      promise.then(
        () => undefined,
        (error: { code?: string }) => error.code,
      );
    const newPolicy = (t: { organizationId: string }, name: string) => ({
      id: id(),
      organizationId: t.organizationId,
      namespaceId: null,
      name,
      description: "d",
      effect: "deny" as const,
      subjects: ["role:viewer", "group:ops"],
      actions: ["call" as const],
      resources: ["github:*"],
      condition: 'args.branch == "main"',
      priority: 5,
      isActive: true,
      createdBy: null,
    });

    test("come back as they were written, change, and go", async () => {
      const store = open();
      const t = await tenant(store);
      const policy = newPolicy(t, "one");
      expect(await store.policies.create(policy)).toMatchObject(policy);
      expect(await failure(store.policies.create(newPolicy(t, "one")))).toBe("already_exists");
      const changed = await store.policies.update(t.organizationId, policy.id, {
        effect: "allow",
        condition: undefined,
        isActive: false,
      });
      expect(changed).toMatchObject({
        effect: "allow",
        isActive: false,
        subjects: policy.subjects,
        priority: 5,
      });
      expect(changed?.condition).toBeUndefined();
      expect(await store.policies.list(t.organizationId)).toEqual([changed as never]);
      expect(await store.policies.remove(t.organizationId, policy.id)).toBe(true);
      expect(await store.policies.remove(t.organizationId, policy.id)).toBe(false);
    });

    test("are seen, changed and removed by their own organisation alone, and go with it", async () => {
      const store = open();
      const [a, b] = [await tenant(store), await tenant(store)];
      const policy = await store.policies.create(newPolicy(a, "one"));
      expect(await store.policies.find(b.organizationId, policy.id)).toBeUndefined();
      expect(await store.policies.update(b.organizationId, policy.id, { priority: 1 })).toBeUndefined();
      expect(await store.policies.remove(b.organizationId, policy.id)).toBe(false);
      expect(await store.policies.list(b.organizationId)).toEqual([]);
      await store.organizations.remove(a.organizationId);
      expect(await store.policies.find(a.organizationId, policy.id)).toBeUndefined();
    });

    test("that say who serves are policies like the others, in a table that former releases do not read", async () => {
      const store = open();
      const t = await tenant(store);
      const routed = { effect: "route" as const, actions: ["*" as const], route: { server: "github-v2" } };
      const [first, second, third] = [newPolicy(t, "a"), newPolicy(t, "b"), newPolicy(t, "c")];
      await store.policies.create(first);
      const made = await store.policies.create({ ...second, ...routed });
      expect(made).toMatchObject({ ...second, ...routed });
      await store.policies.create(third);
      expect((await store.policies.list(t.organizationId)).map(({ name }) => name)).toEqual(["a", "b", "c"]);
      const page = await store.policies.list(t.organizationId, { after: first.id, limit: 1 });
      expect(page.map(({ name }) => name)).toEqual(["b"]);
      const [rows] = [await store.acrossTenants.configurationOf([t.organizationId])];
      expect(rows.policies.map(({ effect }) => effect).sort()).toEqual(["deny", "deny", "route"]);

      expect(await failure(store.policies.create(newPolicy(t, "b")))).toBe("already_exists");
      expect(await failure(store.policies.create({ ...newPolicy(t, "c"), ...routed }))).toBe(
        "already_exists",
      );
      const rename = (policyId: string, name: string) =>
        failure(store.policies.update(t.organizationId, policyId, { name }));
      expect(await rename(second.id, "c")).toBe("already_exists");
      expect(await rename(third.id, "b")).toBe("already_exists");
      expect(await rename(second.id, "d")).toBeUndefined();

      const denial = { effect: "deny" as const, route: undefined };
      const moved = await store.policies.update(t.organizationId, second.id, denial);
      expect(moved).toMatchObject({ id: second.id, name: "d", effect: "deny", createdAt: made.createdAt });
      expect(moved?.route).toBeUndefined();
      const back = await store.policies.update(t.organizationId, second.id, routed);
      expect(back).toMatchObject({ id: second.id, effect: "route", route: { server: "github-v2" } });
      expect(back?.updatedAt ?? 0).toBeGreaterThan(moved?.updatedAt ?? 0);
      expect(await store.policies.remove(t.organizationId, second.id)).toBe(true);
      expect(await store.policies.find(t.organizationId, second.id)).toBeUndefined();
      const other = await store.policies.create({ ...newPolicy(t, "e"), ...routed });
      await store.organizations.remove(t.organizationId);
      expect(await store.policies.find(t.organizationId, other.id)).toBeUndefined();
    });

    test("every write counts as a change of the configuration, one that changed nothing does not", async () => {
      const store = open();
      const t = await tenant(store);
      const seen: number[] = [];
      const look = async () => seen.push((await store.versions()).config);
      await look();
      const { id: policyId } = await store.policies.create(newPolicy(t, "one"));
      await look();
      await store.policies.update(t.organizationId, policyId, { priority: 1 });
      await look();
      await store.policies.remove(t.organizationId, policyId);
      await look();
      await store.policies.remove(t.organizationId, policyId);
      await look();
      const [start = 0] = seen;
      expect(seen.map((version) => version - start)).toEqual([0, 1, 2, 3, 3]);
    });
  });
}
