import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../src/errors/gateway-error.ts";
import { NO_CLAIM_MAPPING } from "../../src/model/claim-mapping.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { newUser } from "./identities.contract.ts";
import { newRateLimit } from "./limit-store.contract.ts";
import { id, newKey, newServer, type Tenant, tenant } from "./store-fixture.ts";

interface Row {
  readonly id: string;
  readonly updatedAt: number;
}
/** One row of a noun whose `text` is changed, always within the write. */
interface Noun {
  readonly row: Row;
  text(): Promise<string | undefined>;
  /** @param next of the text as it is */
  put(next: (row: Row, text: string) => string): Promise<Row | undefined>;
  remove(check: (row: Row) => void): Promise<boolean>;
}

const NOUNS: Readonly<Record<string, (store: OperatedStore, t: Tenant) => Promise<Noun>>> = {
  organisations: async ({ organizations }, { organizationId }) => ({
    row: (await organizations.find(organizationId)) as Row,
    text: async () => (await organizations.find(organizationId))?.name,
    put: (next) => organizations.update(organizationId, (row) => ({ name: next(row, row.name) })),
    remove: (check) => organizations.remove(organizationId, check),
  }),
  namespaces: async ({ namespaces }, { organizationId, namespaceId }) => ({
    row: (await namespaces.find(organizationId, namespaceId)) as Row,
    text: async () => (await namespaces.find(organizationId, namespaceId))?.name,
    put: (next) => namespaces.update(organizationId, namespaceId, (row) => ({ name: next(row, row.name) })),
    remove: (check) => namespaces.remove(organizationId, namespaceId, check),
  }),
  servers: async ({ servers }, t) => {
    const row = await servers.create(newServer(t, "github", { description: "" }));
    return {
      row,
      text: async () => (await servers.find(t.organizationId, row.id))?.description,
      put: (next) =>
        servers.update(t.organizationId, row.id, (now) => ({ description: next(now, now.description) })),
      remove: (check) => servers.remove(t.organizationId, row.id, check),
    };
  },
  users: async ({ users }, t) => {
    const row = await users.create(newUser(t.organizationId, { username: "u" }));
    return {
      row,
      text: async () => (await users.find(t.organizationId, row.id))?.username,
      put: (next) => users.update(t.organizationId, row.id, (now) => ({ username: next(now, now.username) })),
      remove: (check) => users.remove(t.organizationId, row.id, check),
    };
  },
  keys: async ({ apiKeys }, t) => {
    const row = await apiKeys.create(newKey(t.organizationId, { name: "k" }));
    return {
      row,
      text: async () => (await apiKeys.find(t.organizationId, row.id))?.name,
      put: (next) => apiKeys.update(t.organizationId, row.id, (now) => ({ name: next(now, now.name) })),
      remove: (check) => apiKeys.revoke(t.organizationId, row.id, Date.now(), check),
    };
  },
  policies: async ({ policies }, t) => {
    const row = await policies.create({
      ...{ id: id(), organizationId: t.organizationId, namespaceId: null, name: "p", description: "" },
      ...{ effect: "deny", subjects: ["*"], actions: ["*"], resources: ["*"], condition: undefined },
      ...{ priority: 0, isActive: true, createdBy: null },
    });
    return {
      row,
      text: async () => (await policies.find(t.organizationId, row.id))?.name,
      put: (next) => policies.update(t.organizationId, row.id, (now) => ({ name: next(now, now.name) })),
      remove: (check) => policies.remove(t.organizationId, row.id, check),
    };
  },
  "claim mappings": async ({ claimMappings }, t) => {
    const made = (text: string) => ({ ...NO_CLAIM_MAPPING, defaultScope: text });
    const row = await claimMappings.put(t.organizationId, () => made("s"));
    const named = { ...row, id: t.organizationId };
    return {
      row: named,
      text: async () => (await claimMappings.find(t.organizationId))?.defaultScope,
      put: async (next) => {
        const put = await claimMappings.put(t.organizationId, (now) =>
          made(next({ ...named, ...now }, now?.defaultScope ?? "")),
        );
        return { ...put, id: t.organizationId };
      },
      remove: (check) => claimMappings.remove(t.organizationId, (now) => check({ ...named, ...now })),
    };
  },
  "rate limits": async ({ rateLimits }, t) => {
    const row = await rateLimits.create(newRateLimit(t, { name: "r" }));
    return {
      row,
      text: async () => (await rateLimits.find(t.organizationId, row.id))?.name,
      put: (next) => rateLimits.update(t.organizationId, row.id, (now) => ({ name: next(now, now.name) })),
      remove: (check) => rateLimits.remove(t.organizationId, row.id, check),
    };
  },
};

/** Changes worked out from the row within the write. */
export function updateContract(store: () => OperatedStore): void {
  const stale = () => new GatewayError("precondition_failed");
  const codeOf = (act: Promise<unknown>) =>
    act.then(
      () => undefined,
      (error: { code?: string }) => error.code,
    );

  describe.each(Object.entries(NOUNS))("changes of %s", (_name, make) => {
    test("of ten at once that name one version one is written; a stale one changes nothing", async () => {
      const noun = await make(store(), await tenant(store()));
      const { updatedAt } = noun.row;
      const put = (text: string) =>
        noun.put((row) => {
          if (row.updatedAt !== updatedAt) throw stale();
          return text;
        });
      const results = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => put(`n${n}`)));
      const won = results.filter(({ status }) => status === "fulfilled");
      expect(won).toHaveLength(1);
      const text = await noun.text();
      const versions = await store().versions();
      expect(await codeOf(put("late"))).toBe("precondition_failed");
      const isStale = (row: Row) => {
        if (row.updatedAt === updatedAt) return;
        throw stale();
      };
      expect(await codeOf(noun.remove(isStale))).toBe("precondition_failed");
      expect(await noun.text()).toBe(text as string);
      expect(await store().versions()).toEqual(versions);
    });

    test("of ten at once none is lost, and each makes another version", async () => {
      const noun = await make(store(), await tenant(store()));
      const start = (await noun.text()) ?? "";
      const seen: number[] = [];
      await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          noun.put((row, text) => {
            seen.push(row.updatedAt);
            return text + n;
          }),
        ),
      );
      const added = (await noun.text())?.slice(start.length) ?? "";
      expect([...added].sort().join("")).toBe("0123456789");
      expect(new Set(seen).size).toBe(10);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    });

    test("what is gone is changed and removed no more", async () => {
      const noun = await make(store(), await tenant(store()));
      expect(await noun.put((_row, text) => `${text}x`)).toBeDefined();
      expect(await noun.remove(() => {})).toBe(true);
      expect(await noun.remove(() => {})).toBe(false);
    });
  });

  test("a maximum of servers holds from its change on, for creates under way too", async () => {
    const t = await tenant(store());
    const { organizations, servers } = store();
    const create = (name: string) => codeOf(servers.create(newServer(t, name)));
    await organizations.update(t.organizationId, { maxServers: 3 });
    const first = Promise.all(Array.from({ length: 8 }, (_, n) => create(`a-${n}`)));
    expect((await first).filter((code) => code === undefined)).toHaveLength(3);
    for (const max of [100, 0, 20, 0]) {
      const creates = Array.from({ length: 10 }, (_, n) => create(`${max}-${id()}-${n}`.slice(0, 32)));
      await organizations.update(t.organizationId, { maxServers: max });
      const after = await servers.count(t.organizationId);
      const codes = new Set(await Promise.all(creates));
      for (const code of codes) expect([undefined, "quota_exceeded"]).toContain(code);
      if (max === 0) expect(await servers.count(t.organizationId)).toBe(after);
    }
    expect(await create("late")).toBe("quota_exceeded");
    expect(await codeOf(servers.create({ ...newServer(t, "x"), organizationId: id() }))).toBe("not_found");
  });

  test("changes of all kinds side by side wait for each other, and none in a circle", async () => {
    const t = await tenant(store());
    const nouns = await Promise.all(Object.values(NOUNS).map((make) => make(store(), t)));
    const acts: Promise<unknown>[] = [];
    for (let round = 0; round < 5; round++) {
      for (const noun of nouns) acts.push(noun.put((_row, text) => `${text}${round}`));
      acts.push(store().servers.create(newServer(t, `s-${round}`)));
      acts.push(store().users.create(newUser(t.organizationId)));
    }
    expect((await Promise.all(acts.map(codeOf))).filter((code) => code !== undefined)).toEqual([]);
  });
}
