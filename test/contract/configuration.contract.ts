import { expect, test } from "bun:test";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { newServer, tenant } from "./store-fixture.ts";

/** What the configuration is compiled of. */
export function configurationContract(open: () => OperatedStore): void {
  test("the configuration of some is what each has, and of nobody else", async () => {
    const store = open();
    const [a, b, other] = [await tenant(store), await tenant(store), await tenant(store)];
    const servers = [
      await store.servers.create(newServer(a, "x")),
      await store.servers.create(newServer(b, "x")),
    ];
    await store.servers.create(newServer(other, "x"));
    const { acrossTenants } = store;
    const rows = await acrossTenants.configurationOf([a.organizationId, b.organizationId]);
    expect(new Set(rows.organizations.map(({ id }) => id))).toEqual(
      new Set([a.organizationId, b.organizationId]),
    );
    expect(new Set(rows.namespaces.map(({ id }) => id))).toEqual(new Set([a.namespaceId, b.namespaceId]));
    expect(rows.servers.toSorted((x, y) => (x.id < y.id ? -1 : 1))).toEqual(
      servers.toSorted((x, y) => (x.id < y.id ? -1 : 1)),
    );
    expect(await acrossTenants.configurationOf([])).toEqual({
      organizations: [],
      namespaces: [],
      servers: [],
      rateLimits: [],
      policies: [],
      claimMappings: [],
    });
    const count = await acrossTenants.organizationCount();
    await store.organizations.remove(other.organizationId);
    expect(await acrossTenants.organizationCount()).toBe(count - 1);
  });
}
