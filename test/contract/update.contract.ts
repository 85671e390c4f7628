import { describe, expect, test } from "bun:test";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { newServer, tenant } from "./store-fixture.ts";

/** Updates that name the version they change. */
export function updateContract(store: () => OperatedStore): void {
  describe("updates of a version", () => {
    test("of ten at once one is written; a stale one changes nothing", async () => {
      const t = await tenant(store());
      const { id, organizationId } = await store().servers.create(newServer(t, "github"));
      const kinds = [
        { now: () => store().servers.find(organizationId, id), put: store().servers },
        { now: () => store().namespaces.find(organizationId, t.namespaceId), put: store().namespaces },
      ];
      for (const { now, put } of kinds) {
        const before = await now();
        const since = before?.updatedAt as number;
        const put10 = Array.from({ length: 10 }, (_, n) =>
          put.update(organizationId, before?.id as string, { description: `d${n}` }, since),
        );
        const won = (await Promise.all(put10)).filter((row) => row !== undefined);
        expect(won).toHaveLength(1);
        const after = await now();
        expect(after?.description).toBe(won[0]?.description as string);
        expect(after?.updatedAt).toBeGreaterThan(since);
        const version = await store().versions();
        expect(
          await put.update(organizationId, before?.id as string, { description: "x" }, since),
        ).toBeUndefined();
        expect(await store().versions()).toEqual(version);
      }
      const { updatedAt } = (await store().organizations.find(organizationId)) ?? { updatedAt: 0 };
      const renamed = ["a", "b", "c"].map((name) =>
        store().organizations.update(organizationId, { name }, updatedAt),
      );
      expect((await Promise.all(renamed)).filter(Boolean)).toHaveLength(1);
    });
  });
}
