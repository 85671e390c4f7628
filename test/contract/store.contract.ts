import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { RecordSink } from "../../src/model/ports/record-sink.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import type { StoreLocation } from "../../src/storage/location.ts";
import { openRecordSink, openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";
import { claimMappingContract } from "./claim-mapping.contract.ts";
import { configurationContract } from "./configuration.contract.ts";
import { contentContract } from "./content.contract.ts";
import { eventContract } from "./event.contract.ts";
import { filterContract } from "./filter.contract.ts";
import { idempotencyContract } from "./idempotency.contract.ts";
import { identitiesContract } from "./identities.contract.ts";
import { leaseContract } from "./lease.contract.ts";
import { limitStoreContract } from "./limit-store.contract.ts";
import { policyContract } from "./policy.contract.ts";
import { recordContract } from "./record.contract.ts";
import { sessionContract } from "./session.contract.ts";
import { id, newKey, newServer, newSession, tenant } from "./store-fixture.ts";
import { updateContract } from "./update.contract.ts";

const masterKey = randomBytes(32);
const sealer = createSealer([masterKey]);

/** What every store keeps; run on each. */
export function storeContract(locate: () => Promise<StoreLocation>): void {
  let location: StoreLocation;
  let store: OperatedStore;
  let sink: RecordSink;
  beforeAll(async () => {
    location = await locate();
    store = await openStore(location, sealer);
    await store.migrateUp();
    await store.maintain(Date.now());
    sink = await openRecordSink(location);
  });
  afterAll(async () => {
    await sink?.close?.();
    await store?.close();
  });

  const failure = async (promise: Promise<unknown>) => {
    const thrown = await promise.then(
      () => undefined,
      (error) => error,
    );
    return (thrown as { code?: string } | undefined)?.code;
  };

  describe("bootstrap", () => {
    test("of many that try at once on an empty store one wins", async () => {
      const second = await openStore(location, sealer);
      const seed = () => {
        const organizationId = id();
        return {
          organization: { id: organizationId, slug: "default", name: "Default" },
          namespace: { id: id(), organizationId, slug: "default", name: "Default" },
          apiKey: newKey(organizationId, { platformAdmin: true, role: "admin" }),
        };
      };
      const won = await Promise.all([store, second, store, second].map((each) => each.bootstrap(seed())));
      await second.close();
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await store.acrossTenants.organizations()).toHaveLength(1);
    });
  });

  describe("organisations and namespaces", () => {
    test("defaults, unique slugs, changes and cascade", async () => {
      const t = await tenant(store);
      expect(t.organization).toMatchObject({
        plan: "free",
        maxServers: 10,
        maxSessions: 100,
        logRetentionDays: 7,
        isActive: true,
      });
      expect(t.namespace).toMatchObject({ separator: "__", metadata: {}, description: "" });
      expect(
        await failure(store.organizations.create({ id: id(), slug: t.organization.slug, name: "x" })),
      ).toBe("already_exists");
      expect(await failure(store.namespaces.create({ ...t.namespace, id: id() }))).toBe("already_exists");
      expect(await failure(store.namespaces.create({ ...t.namespace, organizationId: id(), id: id() }))).toBe(
        "reference_missing",
      );
      const changed = await store.namespaces.update(t.organizationId, t.namespaceId, {
        metadata: { a: { bC: [1, null] } },
      });
      expect(changed?.metadata).toEqual({ a: { bC: [1, null] } });
      const server = await store.servers.create(newServer(t, "github"));
      const session = newSession(t);
      await store.sessions.create(session);
      const key = await store.apiKeys.create(newKey(t.organizationId, { namespaceId: t.namespaceId }));
      expect(await store.namespaces.remove(t.organizationId, t.namespaceId)).toBe(true);
      expect(await store.servers.find(t.organizationId, server.id)).toBeUndefined();
      expect(await store.sessions.find(t.organizationId, session.id)).toBeUndefined();
      expect(await store.apiKeys.find(t.organizationId, key.id)).toBeUndefined();
      expect(await store.organizations.remove(t.organizationId)).toBe(true);
      expect(await store.organizations.find(t.organizationId)).toBeUndefined();
    });

    test("another tenant's row is as one that does not exist", async () => {
      const [a, b] = [await tenant(store), await tenant(store)];
      const server = await store.servers.create(newServer(a, "github"));
      const key = await store.apiKeys.create(newKey(a.organizationId));
      const session = newSession(a);
      await store.sessions.create(session);
      expect(await store.namespaces.find(b.organizationId, a.namespaceId)).toBeUndefined();
      expect(await store.namespaces.remove(b.organizationId, a.namespaceId)).toBe(false);
      expect(await store.servers.find(b.organizationId, server.id)).toBeUndefined();
      expect(await store.servers.update(b.organizationId, server.id, { name: "x" })).toBeUndefined();
      expect(await store.servers.remove(b.organizationId, server.id)).toBe(false);
      expect(await store.apiKeys.revoke(b.organizationId, key.id, 1)).toBe(false);
      expect(await store.apiKeys.list(b.organizationId)).toEqual([]);
      expect(await store.sessions.find(b.organizationId, session.id)).toBeUndefined();
      expect(await store.sessions.end(b.organizationId, session.id, "terminated", 1)).toBe(false);
      expect(await failure(store.servers.create({ ...newServer(b, "x"), namespaceId: a.namespaceId }))).toBe(
        "reference_missing",
      );
    });

    test("pages go on after the last id", async () => {
      const t = await tenant(store);
      for (let n = 0; n < 5; n++) await store.servers.create(newServer(t, `s-${n}`));
      const first = await store.servers.list(t.organizationId, { limit: 3 });
      const rest = await store.servers.list(t.organizationId, { limit: 3, after: first[2]?.id ?? "" });
      expect([...first, ...rest].map(({ name }) => name)).toEqual(["s-0", "s-1", "s-2", "s-3", "s-4"]);
      expect(await store.servers.count(t.organizationId)).toBe(5);
    });
  });

  describe("versions", () => {
    test("each write counts, for its organisation, and a write that changes nothing does not", async () => {
      const [a, b] = [await tenant(store), await tenant(store)];
      const before = await store.versions();
      const server = await store.servers.create(newServer(a, "github"));
      const after = await store.versions();
      expect(after.config).toBe(before.config + 1);
      expect(await store.acrossTenants.organizationsChangedSince(before.config)).toEqual([a.organizationId]);
      await store.servers.remove(b.organizationId, server.id);
      await failure(store.servers.create(newServer(a, "github")));
      expect(await store.versions()).toEqual(after);
      const key = await store.apiKeys.create(newKey(a.organizationId));
      await store.apiKeys.revoke(a.organizationId, key.id, Date.now());
      expect((await store.versions()).credentials).toBe(after.credentials + 2);
    });
  });

  describe("api keys", () => {
    test("found by hash with what the authenticator needs; revoked once", async () => {
      const t = await tenant(store);
      const given = newKey(t.organizationId, { expiresAt: 1_999_999_999_123 });
      const key = await store.apiKeys.create(given);
      expect(key).toMatchObject({ ...given, isActive: true, lastUsedAt: null, revokedAt: null });
      const identity = await store.acrossTenants.apiKeyByHash(given.hash);
      expect(identity).toEqual({
        key,
        defaultNamespaceId: t.namespaceId,
        organizationActive: true,
        owner: null,
      });
      await store.organizations.update(t.organizationId, { isActive: false });
      expect((await store.acrossTenants.apiKeyByHash(given.hash))?.organizationActive).toBe(false);
      expect(await store.apiKeys.revoke(t.organizationId, key.id, 1_700_000_000_000)).toBe(true);
      expect(await store.apiKeys.revoke(t.organizationId, key.id, 1)).toBe(false);
      expect(await store.apiKeys.find(t.organizationId, key.id)).toMatchObject({
        isActive: false,
        revokedAt: 1_700_000_000_000,
      });
      expect(await store.acrossTenants.apiKeyByHash("unknown")).toBeUndefined();
    });

    test("the time of last use never goes back", async () => {
      const t = await tenant(store);
      const key = await store.apiKeys.create(newKey(t.organizationId));
      const lastUsedAt = async () => (await store.apiKeys.find(t.organizationId, key.id))?.lastUsedAt;
      await store.acrossTenants.touchApiKeys([
        { id: key.id, at: 2_000 },
        { id: id(), at: 1 },
      ]);
      await store.acrossTenants.touchApiKeys([{ id: key.id, at: 1_000 }]);
      expect(await lastUsedAt()).toBe(2_000);
    });

    test("permissions that are no list of texts are refused before they are written", async () => {
      const t = await tenant(store);
      const wrong = [1] as unknown as string[];
      expect(await failure(store.apiKeys.create(newKey(t.organizationId, { permissions: wrong })))).toBe(
        "invalid_params",
      );
    });
  });

  policyContract(() => store);
  claimMappingContract(() => store);

  describe("servers", () => {
    const secrets = {
      environment: { TOKEN: "s3cret-environment" },
      headers: { "X-A": "s3cret-header" },
      auth: { header: "Authorization", value: "Bearer s3cret-auth" },
    };

    test("secrets come back opened, and another master key leaves the rest readable", async () => {
      const t = await tenant(store);
      const created = await store.servers.create(
        newServer(t, "github", { secrets, tags: ["a"], args: ["--x"], settings: { max_concurrency: 3 } }),
      );
      expect(created).toMatchObject({
        secrets,
        tags: ["a"],
        args: ["--x"],
        settings: { max_concurrency: 3 },
        timeoutSeconds: 300,
        maxRetries: 3,
        secretsUnreadable: false,
      });
      const stranger = await openStore(location, createSealer([randomBytes(32)]));
      expect(await stranger.servers.find(t.organizationId, created.id)).toMatchObject({
        name: "github",
        secrets: null,
        secretsUnreadable: true,
      });
      await stranger.close();
      const cleared = await store.servers.update(t.organizationId, created.id, {
        secrets: null,
        url: "http://x",
      });
      expect(cleared).toMatchObject({ secrets: null, secretsUnreadable: false, url: "http://x" });
    });

    test("rotation seals everything again under the first key, and the old key can go", async () => {
      const t = await tenant(store);
      const server = await store.servers.create(newServer(t, "github", { secrets }));
      const made = await store.settings.secret(`rotated-${server.id}`, () => "pepper");
      const next = randomBytes(32);
      const both = await openStore(location, createSealer([next, masterKey]));
      const { resealed, unreadable } = await both.rotateKeys();
      expect({ enough: resealed >= 4, unreadable }).toEqual({ enough: true, unreadable: 0 });
      expect(await both.rotateKeys()).toEqual({ resealed: 0, unreadable: 0 });
      await both.close();
      const after = await openStore(location, createSealer([next]));
      expect((await after.servers.find(t.organizationId, server.id))?.secrets).toEqual(secrets);
      expect(await after.settings.secret(`rotated-${server.id}`, () => "other")).toBe(made);
      await after.close();
      const back = await openStore(location, createSealer([masterKey, next]));
      await back.rotateKeys();
      await back.close();
    });
  });

  configurationContract(() => store);
  contentContract(() => ({ store, sink }));
  eventContract(() => ({ store, sink }));
  filterContract(() => store);
  leaseContract(() => store);
  sessionContract(() => store);
  idempotencyContract(() => store);
  updateContract(() => store);
  limitStoreContract(() => store);
  identitiesContract(() => store);

  describe("settings", () => {
    test("a secret is made once, however many ask first", async () => {
      const name = `secret-${id()}`;
      let made = 0;
      const values = await Promise.all(
        Array.from({ length: 6 }, () => store.settings.secret(name, () => `value-${++made}`)),
      );
      expect(new Set(values).size).toBe(1);
      await store.settings.put("plain", "1");
      await store.settings.put("plain", "2");
      expect(await store.settings.find("plain")).toBe("2");
      expect(await store.settings.find("absent")).toBeUndefined();
    });
  });

  recordContract(() => ({ store, sink }));

  test("ping answers", async () => {
    await store.ping();
    expect(store.kind).toBe(location.kind);
  });
}
