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
