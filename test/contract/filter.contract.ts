import { beforeAll, describe, expect, test } from "bun:test";
import type { ApiKeyFilter } from "../../src/model/ports/filters.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { id, newKey, newServer, newSession, type Tenant, tenant } from "./store-fixture.ts";

type Named = { readonly name: string };
const names = (rows: readonly Named[]) => rows.map(({ name }) => name);

/** How every store narrows its lists: each tenant has the same objects, and sees its own alone. */
export function filterContract(of: () => OperatedStore): void {
  describe("filters of lists", () => {
    let store: OperatedStore;
    let here: Tenant;
    let there: Tenant;
    beforeAll(async () => {
      store = of();
      [here, there] = [await tenant(store), await tenant(store)];
    });
    const both = async (make: (t: Tenant) => Promise<unknown>) => {
      for (const t of [here, there]) await make(t);
    };

    test("users: role, activity, platform administrators, a part of name or address", async () => {
      const person = { passwordHash: null, permissions: [], platformAdmin: false, role: "user" } as const;
      await both(async (t) => {
        const { organizationId } = t;
        const make = (username: string, over: object = {}) =>
          store.users.create({ id: id(), organizationId, username, email: null, ...person, ...over });
        await make("Ännchen", { role: "viewer", email: `Greta.${organizationId}@Example.com` });
        await make("per_cent", { role: "admin", platformAdmin: true });
        const { id: otto } = await make("otto100%");
        await store.users.update(organizationId, otto, { isActive: false });
      });
      const found = async (filter: Parameters<typeof store.users.list>[2]) =>
        (await store.users.list(here.organizationId, {}, filter)).map(({ username }) => username);
      expect(await found({})).toEqual(["Ännchen", "per_cent", "otto100%"]);
      expect(await found({ role: "viewer" })).toEqual(["Ännchen"]);
      expect(await found({ isActive: false })).toEqual(["otto100%"]);
      expect(await found({ isActive: true, platformAdmin: true })).toEqual(["per_cent"]);
      expect(await found({ search: "gRETA" })).toEqual(["Ännchen"]);
      expect(await found({ search: "äNN" })).toEqual(["Ännchen"]);
      for (const [search, one] of [
        ["_", "per_cent"],
        ["%", "otto100%"],
      ] as const)
        expect(await found({ search })).toEqual([one]);
      for (const search of ["!", "\\", "' or 1=1 --"]) expect(await found({ search })).toEqual([]);
      expect(await found({ search: "o", role: "admin" })).toEqual([]);
      // Other tests count the installation's administrators.
      await both(async ({ organizationId }) => {
        const [one] = await store.users.list(organizationId, {}, { platformAdmin: true });
        await store.users.remove(organizationId, one?.id ?? "");
      });
    });

    test("keys: whose, kind, role, namespace, what they are now, a part of name or prefix", async () => {
      const now = Date.now();
      await both(async ({ organizationId, namespaceId }) => {
        const make = (name: string, over: object = {}) =>
          store.apiKeys.create(newKey(organizationId, { name, prefix: `mgw_${name}`, ...over }));
        const owner = await store.users.create({
          ...{ id: id(), organizationId, username: `owner-${id()}`, email: null, passwordHash: null },
          ...{ permissions: [], platformAdmin: false, role: "user" },
        });
        await make("runs", { userId: owner.id, expiresAt: now + 60_000 });
        await make("app", { type: "a2a", role: "api_user", namespaceId });
        await make("old", { expiresAt: now - 1, createdBy: "key:maker" });
        const { id: rested } = await make("rested");
        await store.apiKeys.update(organizationId, rested, { isActive: false });
        const { id: gone } = await make("gone", { expiresAt: now - 1 });
        await store.apiKeys.revoke(organizationId, gone, now);
      });
      const { organizationId, namespaceId } = here;
      const found = async (filter: ApiKeyFilter) =>
        names(await store.apiKeys.list(organizationId, {}, filter));
      const [{ userId } = { userId: null }] = await store.apiKeys.list(organizationId, { limit: 1 });
      expect(await found({ userId: userId as string })).toEqual(["runs"]);
      expect(await found({ type: "a2a" })).toEqual(["app"]);
      expect(await found({ role: "api_user" })).toEqual(["app"]);
      expect(await found({ namespaceId })).toEqual(["app"]);
      expect(await found({ namespaceId: there.namespaceId })).toEqual([]);
      expect(await found({ search: "MGW_RU" })).toEqual(["runs"]);
      const maker = { principalId: "key:maker", userId: undefined, keyId: undefined };
      expect(await found({ holder: maker })).toEqual(["old"]);
      expect(await found({ holder: { ...maker, userId: userId as string } })).toEqual(["runs", "old"]);
      const itself = async (at: string) =>
        found({
          holder: { ...maker, keyId: (await store.apiKeys.list(at, {}, { search: "rested" }))[0]?.id },
        });
      expect(await itself(organizationId)).toEqual(["old", "rested"]);
      expect(await itself(there.organizationId)).toEqual(["old"]);
      for (const [status, expected] of [
        ["active", ["runs", "app"]],
        ["inactive", ["rested"]],
        ["expired", ["old"]],
        ["revoked", ["gone"]],
      ] as const)
        expect(await found({ standing: { status, at: now } })).toEqual([...expected]);
      expect(await found({ standing: { status: "active", at: now + 60_000 }, search: "runs" })).toEqual([]);
    });

    test("servers, limits, namespaces, organisations", async () => {
      await both(async (t) => {
        const { organizationId, namespaceId } = t;
        const other = await store.namespaces.create({ id: id(), organizationId, slug: "lab", name: "Labor" });
        await store.servers.create(newServer(t, "github"));
        await store.servers.create(
          newServer({ ...t, namespaceId: other.id }, "git-lab", { protocol: "sse" }),
        );
        await store.servers.create(newServer(t, "resting", { isActive: false }));
        const rule = {
          ...{
            organizationId,
            description: "",
            per: ["key" as const],
            match: {},
            limit: 5,
            windowSeconds: 60,
          },
          ...{ burst: null, period: null, isActive: true, createdBy: null },
        };
        const sliding = { algorithm: "sliding_window", namespaceId } as const;
        await store.rateLimits.create({ ...rule, ...sliding, id: id(), name: "per-key" });
        const fixed = { algorithm: "fixed_window", namespaceId: null, isActive: false } as const;
        await store.rateLimits.create({ ...rule, ...fixed, id: id(), name: "per-day" });
      });
      const { organizationId, namespaceId } = here;
      const servers = async (filter: Parameters<typeof store.servers.list>[2]) =>
        names(await store.servers.list(organizationId, {}, filter));
      expect(await servers({ search: "GIT" })).toEqual(["github", "git-lab"]);
      expect(await servers({ protocol: "sse" })).toEqual(["git-lab"]);
      expect(await servers({ isActive: false })).toEqual(["resting"]);
      expect(await servers({ namespaceId })).toEqual(["github", "resting"]);
      expect(await servers({ namespaceId: there.namespaceId })).toEqual([]);
      const [first] = await store.servers.list(organizationId, { limit: 1 }, { search: "git" });
      const rest = await store.servers.list(organizationId, { after: first?.id ?? "" }, { search: "git" });
      expect(names(rest)).toEqual(["git-lab"]);

      const limits = async (filter: Parameters<typeof store.rateLimits.list>[2]) =>
        names(await store.rateLimits.list(organizationId, {}, filter));
      expect(await limits({ algorithm: "fixed_window" })).toEqual(["per-day"]);
      expect(await limits({ namespaceId })).toEqual(["per-key"]);
      expect(await limits({ isActive: true, search: "per" })).toEqual(["per-key"]);

      const { organization } = here;
      const found = await store.namespaces.list(organizationId, {}, { search: "laBOR" });
      expect(found.map(({ slug }) => slug)).toEqual(["lab"]);
      const organizations = (filter: Parameters<typeof store.acrossTenants.organizations>[1]) =>
        store.acrossTenants.organizations({}, { search: organization.slug, ...filter });
      expect(await organizations({ isActive: true })).toMatchObject([{ id: organizationId }]);
      expect(await organizations({ isActive: false })).toEqual([]);
    });

    test("policies: effect, namespace, activity, a part of the name; of both tables in one order", async () => {
      await both(async ({ organizationId, namespaceId }) => {
        const rule = {
          subjects: ["*"],
          actions: ["*"],
          resources: ["*"],
          priority: 0,
          createdBy: null,
        } as const;
        const make = (name: string, effect: "allow" | "deny" | "route", over: object = {}) =>
          store.policies.create({
            ...{
              ...rule,
              id: id(),
              organizationId,
              namespaceId: null,
              name,
              description: "",
              isActive: true,
            },
            ...{ effect, condition: undefined, route: undefined, ...over },
          });
        await make("all in", "allow", { namespaceId });
        await make("nobody", "deny", { isActive: false });
        await make("over all", "route", { route: { server: "x" }, actions: ["call"] });
      });
      const found = async (filter: Parameters<typeof store.policies.list>[2]) =>
        names(await store.policies.list(here.organizationId, {}, filter));
      expect(await found({ effect: "allow" })).toEqual(["all in"]);
      expect(await found({ effect: "deny" })).toEqual(["nobody"]);
      expect(await found({ effect: "route" })).toEqual(["over all"]);
      expect(await found({ search: "ALL" })).toEqual(["all in", "over all"]);
      expect(await found({ search: "ALL", effect: "deny" })).toEqual([]);
      expect(await found({ isActive: false })).toEqual(["nobody"]);
      expect(await found({ namespaceId: here.namespaceId })).toEqual(["all in"]);
      expect(await found({ namespaceId: there.namespaceId })).toEqual([]);
    });

    test("sessions: whose, where, and whether they have ended; usage of one subject", async () => {
      const userId = id();
      await both(async (t) => {
        await store.sessions.create(newSession(t, { principalId: "key:a", userId }));
        const ended = newSession(t, { principalId: "key:b" });
        await store.sessions.create(ended);
        await store.sessions.end(t.organizationId, ended.id, "terminated", Date.now());
      });
      const { organizationId, namespaceId } = here;
      const found = async (filter: Parameters<typeof store.sessions.list>[2]) =>
        (await store.sessions.list(organizationId, {}, filter)).map(({ principalId }) => principalId);
      expect(await found({ status: "active" })).toEqual(["key:a"]);
      expect(await found({ status: "terminated" })).toEqual(["key:b"]);
      expect(await found({ principalId: "key:a", status: "terminated" })).toEqual([]);
      expect(await found({ userId })).toEqual(["key:a"]);
      expect(await found({ userId: id() })).toEqual([]);
      expect(await found({ namespaceId })).toEqual(["key:a", "key:b"]);
      expect(await found({ namespaceId: there.namespaceId })).toEqual([]);

      const [ruleId, periodStart] = [id(), Date.UTC(2026, 10, 26)];
      await store.acrossTenants.addLimitUsage(
        ["key:a", "key:b"].map((subject) => ({
          ...{
            ruleId,
            subject,
            period: "day" as const,
            periodStart,
            organizationId,
            admitted: 3,
            refused: 1,
          },
        })),
      );
      const usage = await store.rateLimits.usage(organizationId, ruleId, { subject: "key:b" });
      expect(usage.map(({ subject }) => subject)).toEqual(["key:b"]);
      expect(await store.rateLimits.usage(there.organizationId, ruleId, { subject: "key:b" })).toEqual([]);
    });
  });
}
