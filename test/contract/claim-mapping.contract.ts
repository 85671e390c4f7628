import { describe, expect, test } from "bun:test";
import type { ClaimMapping } from "../../src/model/claim-mapping.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { id, tenant } from "./store-fixture.ts";

const full: ClaimMapping = {
  claims: ["groups", "realm_access.roles", "https://example.com/roles"],
  mappings: { "groups:Team_A": ["scope:user"], "https://example.com/roles:Admin": ["scope:admin"] },
  permissions: { "my-files:read_file": ["scope:user", "scope:admin"], "*:resource:file:///a_b/*": [] },
  scopeMode: "all",
  defaultScope: "scope:rest",
};

/** What every store keeps of claim mappings. */
export function claimMappingContract(open: () => OperatedStore): void {
  describe("claim mappings", () => {
    test("come back as they were written, to the letter of their keys; are replaced as a whole, and go", async () => {
      const store = open();
      const t = await tenant(store);
      expect(await store.claimMappings.find(t.organizationId)).toBeUndefined();
      const { config } = await store.versions();
      const first = await store.claimMappings.put(t.organizationId, (before) => {
        expect(before).toBeUndefined();
        return full;
      });
      expect(first).toMatchObject({ ...full, organizationId: t.organizationId });
      expect(await store.claimMappings.find(t.organizationId)).toEqual(first);
      const rows = await store.acrossTenants.configurationOf([t.organizationId]);
      expect(rows.claimMappings).toEqual([first]);
      expect((await store.versions()).config).toBe(config + 1);
      const second = await store.claimMappings.put(t.organizationId, (before) => {
        expect(before).toEqual(first);
        return {
          ...{ claims: undefined, mappings: {}, permissions: {} },
          ...{ scopeMode: "any", defaultScope: undefined },
        };
      });
      expect(second).toMatchObject({ mappings: {}, permissions: {}, scopeMode: "any" });
      expect([second.claims, second.defaultScope]).toEqual([undefined, undefined]);
      expect(second.createdAt).toBe(first.createdAt);
      expect(second.updatedAt).toBeGreaterThan(first.updatedAt);
      expect(await store.claimMappings.remove(t.organizationId)).toBe(true);
      expect(await store.claimMappings.remove(t.organizationId)).toBe(false);
      expect((await store.versions()).config).toBe(config + 3);
    });

    test("are an organisation's own, and go with it", async () => {
      const store = open();
      const [a, b] = [await tenant(store), await tenant(store)];
      await store.claimMappings.put(a.organizationId, () => full);
      expect(await store.claimMappings.find(b.organizationId)).toBeUndefined();
      expect(await store.claimMappings.remove(b.organizationId)).toBe(false);
      await store.organizations.remove(a.organizationId);
      expect(await store.claimMappings.find(a.organizationId)).toBeUndefined();
    });

    test("of no organisation are not kept", async () => {
      const put = open().claimMappings.put(id(), () => full);
      expect(await put.then(() => "kept").catch(() => "refused")).toBe("refused");
    });
  });
}
