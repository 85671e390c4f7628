import { describe, expect, test } from "bun:test";
import type { NewUser } from "../../src/model/ports/identities.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { id, newKey, tenant } from "./store-fixture.ts";

export const newUser = (organizationId: string, over: Partial<NewUser> = {}): NewUser => ({
  id: id(),
  organizationId,
  username: `u-${id().slice(24)}`,
  email: null,
  passwordHash: null,
  role: "user",
  platformAdmin: false,
  permissions: ["github:*"],
  ...over,
});

/** Users, sign-ins, signing keys, people of identity providers, signing applications; run on each store. */
export function identitiesContract(storeOf: () => OperatedStore): void {
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: { code?: string }) => error.code,
    );

  describe("failed sign-ins", () => {
    test("are counted, many at once too, in a window from the first one on, and are forgotten", async () => {
      const { signInFailures: rows } = storeOf();
      const [a, b] = [id(), id()];
      await Promise.all(Array.from({ length: 20 }, () => rows.count(a, 100_000, 40_000)));
      await rows.count(b, 110_000, 50_000);
      const counted = async (since: number) =>
        Object.fromEntries((await rows.of([a, b, id()], since)).map((one) => [one.subject, one]));
      expect(await counted(40_000)).toEqual({
        [a]: { subject: a, startedAt: 100_000, failures: 20 },
        [b]: { subject: b, startedAt: 110_000, failures: 1 },
      });
      expect(Object.keys(await counted(100_000))).toEqual([b]);
      await rows.count(a, 160_000, 100_000);
      expect((await counted(100_000))[a]).toEqual({ subject: a, startedAt: 160_000, failures: 1 });
      await rows.forget(110_000);
      expect(Object.keys(await counted(0))).toEqual([a]);
    });
  });

  describe("users", () => {
    test("names and addresses are unique whatever their case; another tenant's user is as one that does not exist", async () => {
      const store = storeOf();
      const [a, b] = [await tenant(store), await tenant(store)];
      const user = await store.users.create(
        newUser(a.organizationId, { username: "Ann", email: "Ann@Example.com" }),
      );
      expect(user).toMatchObject({ isActive: true, emailVerified: false, mustChangePassword: false });
      expect(user).not.toHaveProperty("usernameLower");
      const taken = async (over: Partial<NewUser>) =>
        store.users.create(newUser(a.organizationId, over)).catch(({ code, message, data }) => {
          return [code, message, data?.errors];
        });
      for (const [over, path, what] of [
        [{ username: "aNN" }, "username", "Its user name"],
        [{ email: "ann@example.COM" }, "email", "Its e-mail address"],
        [{ id: user.id }, "id", "Its id"],
      ] as const) {
        const errors = [{ path, message: "exists already" }];
        expect(await taken(over)).toEqual(["already_exists", `${what} exists already.`, errors]);
      }
      await store.users.create(newUser(b.organizationId, { username: "ann" }));
      expect((await store.users.findByName(a.organizationId, "ANN"))?.id).toBe(user.id);
      expect(await store.users.find(b.organizationId, user.id)).toBeUndefined();
      expect(await store.users.update(b.organizationId, user.id, { role: "admin" })).toBeUndefined();
      expect(await store.users.remove(b.organizationId, user.id)).toBe(false);
      expect(await store.users.identity(b.organizationId, user.id, undefined, Date.now())).toBeUndefined();
    });

    test("each change counts as one of credentials, a sign-in does not", async () => {
      const store = storeOf();
      const { organizationId } = await tenant(store);
      const user = await store.users.create(newUser(organizationId));
      const before = (await store.versions()).credentials;
      await store.users.signedIn(organizationId, user.id, 1_000, "$argon2id$x");
      expect((await store.versions()).credentials).toBe(before);
      const changed = await store.users.update(organizationId, user.id, {
        isActive: false,
        username: "New",
        permissions: ["a:*"],
      });
      expect(changed).toMatchObject({
        isActive: false,
        username: "New",
        permissions: ["a:*"],
        lastLoginAt: 1_000,
        passwordHash: "$argon2id$x",
      });
      expect((await store.versions()).credentials).toBe(before + 1);
      expect((await store.users.findByName(organizationId, "new"))?.id).toBe(user.id);
    });

    test("a user's removal ends its sign-ins, its keys and its ties to providers", async () => {
      const store = storeOf();
      const { organizationId, namespaceId } = await tenant(store);
      const user = await store.users.create(newUser(organizationId));
      const key = await store.apiKeys.create(newKey(organizationId, { userId: user.id }));
      const family = {
        id: id(),
        organizationId,
        userId: user.id,
        createdAt: 1,
        expiresAt: Date.now() + 60_000,
      };
      await store.tokenFamilies.begin(family);
      await store.externalIdentities.link(organizationId, "https://idp", "sub-1", user.id);
      expect(await store.externalIdentities.userOf(organizationId, "https://idp", "sub-1")).toBe(user.id);
      expect(
        await failure(store.externalIdentities.link(organizationId, "https://idp", "sub-1", user.id)),
      ).toBe("already_exists");
      const identity = await store.users.identity(organizationId, user.id, family.id, Date.now());
      expect(identity).toMatchObject({ defaultNamespaceId: namespaceId, organizationActive: true });
      expect(await store.users.remove(organizationId, user.id)).toBe(true);
      expect(await store.apiKeys.find(organizationId, key.id)).toBeUndefined();
      expect(await store.tokenFamilies.find(organizationId, family.id)).toBeUndefined();
      expect(await store.externalIdentities.userOf(organizationId, "https://idp", "sub-1")).toBeUndefined();
    });
  });

  describe("administrators", () => {
    const kept = { ofOrganization: true, ofInstallation: true };
    const ends = (all: readonly Promise<unknown>[]) => Promise.all(all.map(failure));

    test("of many who demote, deactivate and remove each other at once, one is left", async () => {
      const store = storeOf();
      for (let round = 0; round < 5; round++) {
        const { organizationId } = await tenant(store);
        const ids: string[] = [];
        for (let n = 0; n < 6; n++)
          ids.push((await store.users.create(newUser(organizationId, { role: "admin" }))).id);
        const gone = await ends(
          ids.map((userId, n) =>
            n % 3 === 0
              ? store.users.remove(organizationId, userId, undefined, kept)
              : store.users.update(
                  organizationId,
                  userId,
                  n % 3 === 1 ? { role: "viewer" } : () => ({ isActive: false }),
                  kept,
                ),
          ),
        );
        expect(gone.toSorted()).toEqual(["conflict", ...Array(5).fill(undefined)]);
        const left = await store.users.list(organizationId);
        expect(left.filter(({ role, isActive }) => role === "admin" && isActive)).toHaveLength(1);
      }
    });

    test("of two platform administrators of two organisations who lose it at once, one is left", async () => {
      const store = storeOf();
      for (let round = 0; round < 10; round++) {
        const tenants = [await tenant(store), await tenant(store)];
        const users = await Promise.all(
          tenants.map(({ organizationId }) =>
            store.users.create(newUser(organizationId, { platformAdmin: true })),
          ),
        );
        const lose = ({ organizationId, id: userId }: (typeof users)[number]) =>
          store.users.update(
            organizationId,
            userId,
            { platformAdmin: false },
            { ...kept, ofOrganization: false },
          );
        expect((await ends(users.map(lose))).toSorted()).toEqual(["conflict", undefined]);
        for (const { organizationId, id: userId } of users) await store.users.remove(organizationId, userId);
      }
    });

    test("who is inactive, or of an inactive organisation, is no administrator that is left", async () => {
      const store = storeOf();
      const { organizationId } = await tenant(store);
      const last = await store.users.create(newUser(organizationId, { role: "admin", platformAdmin: true }));
      const asleep = await store.users.create(newUser(organizationId, { role: "admin" }));
      await store.users.update(organizationId, asleep.id, { isActive: false });
      const elsewhere = await tenant(store);
      const away = await store.users.create(newUser(elsewhere.organizationId, { platformAdmin: true }));
      await store.organizations.update(elsewhere.organizationId, { isActive: false });
      const change = (by: object, one = kept) =>
        failure(store.users.update(organizationId, last.id, by, one));
      expect(await change({ isActive: false })).toBe("conflict");
      expect(await change({ platformAdmin: false })).toBe("conflict");
      // Still one by the other of the two.
      expect(await change({ role: "user" })).toBeUndefined();
      expect(await change({ platformAdmin: false }, { ...kept, ofInstallation: false })).toBe("conflict");
      expect((await store.users.find(organizationId, last.id))?.platformAdmin).toBe(true);
      expect(await failure(store.users.remove(organizationId, last.id))).toBeUndefined();
      await store.users.remove(elsewhere.organizationId, away.id);
    });
  });

  describe("sign-ins", () => {
    test("of ten rotations at once one wins; a revoked or expired one never does", async () => {
      const store = storeOf();
      const { organizationId } = await tenant(store);
      const user = await store.users.create(newUser(organizationId));
      const now = Date.now();
      const family = { id: id(), organizationId, userId: user.id, createdAt: now, expiresAt: now + 60_000 };
      await store.tokenFamilies.begin(family);
      const won = await Promise.all(
        Array.from({ length: 10 }, () => store.tokenFamilies.rotate(organizationId, family.id, 1, now)),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await store.tokenFamilies.find(organizationId, family.id)).toMatchObject({ generation: 2 });
      expect(await store.tokenFamilies.rotate(organizationId, family.id, 2, now + 60_000)).toBe(false);
      const past = { ...family, id: id(), expiresAt: 1_000 };
      await store.tokenFamilies.begin(past);
      await store.tokenFamilies.removeEnded(1_001);
      expect(await store.tokenFamilies.find(organizationId, past.id)).toBeUndefined();
      expect(await store.tokenFamilies.find(organizationId, family.id)).toBeDefined();
      const other = { ...family, id: id() };
      await store.tokenFamilies.begin(other);
      await store.tokenFamilies.revokeAll(organizationId, user.id, now, other.id);
      expect(await store.tokenFamilies.rotate(organizationId, family.id, 2, now)).toBe(false);
      expect(await store.users.identity(organizationId, user.id, family.id, now)).toBeUndefined();
      expect(await store.users.identity(organizationId, user.id, other.id, now)).toBeDefined();
      expect(await store.tokenFamilies.revoke(organizationId, other.id, now)).toBe(true);
      expect(await store.tokenFamilies.revoke(organizationId, other.id, now)).toBe(false);
    });
  });

  describe("signing keys and applications", () => {
    test("keys come newest first, without the retired", async () => {
      const store = storeOf();
      const now = Date.now();
      const key = (createdAt: number, retiresAt: number) => ({
        id: id(),
        publicKey: "{}",
        privateKey: `private-${createdAt}`,
        createdAt,
        retiresAt,
      });
      const [old, retired, fresh] = [key(now - 10, now + 10_000), key(now - 5, now), key(now, now + 10_000)];
      for (const each of [old, retired, fresh]) await store.signingKeys.add(each);
      const listed = (await store.signingKeys.list(now)).filter(({ id: each }) =>
        [old.id, retired.id, fresh.id].includes(each),
      );
      expect(listed).toEqual([fresh, old]);
    });

    test("an assertion is used once, however many use it at once; a key set belongs to its tenant's key", async () => {
      const store = storeOf();
      const [a, b] = [await tenant(store), await tenant(store)];
      const key = await store.apiKeys.create(newKey(a.organizationId, { type: "a2a" }));
      await store.clients.register(b.organizationId, key.id, '{"keys":[]}');
      expect(await store.clients.find(key.id)).toBeUndefined();
      await store.clients.register(a.organizationId, key.id, '{"keys":[]}');
      const found = await store.clients.find(key.id);
      expect(found?.jwks).toBe('{"keys":[]}');
      expect(found?.identity.key.id).toBe(key.id);
      const now = Date.now();
      const assertion = id();
      const uses = await Promise.all(
        Array.from({ length: 8 }, () => store.clients.firstUse(assertion, now + 1_000, now)),
      );
      expect(uses.filter(Boolean)).toHaveLength(1);
    });
  });
}
