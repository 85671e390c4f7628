import { type Kysely, sql } from "kysely";
import type { ApiKeyIdentity } from "../model/api-key.ts";
import type { RotatingSealer } from "../model/ports/sealer.ts";
import type { AcrossTenants, Use } from "../model/ports/store.ts";
import type { TenantRows } from "../model/tenant-rows.ts";
import { claimMappingRecord } from "./claim-mappings.ts";
import type { Engine } from "./engine.ts";
import { instant } from "./instant.ts";
import { limitUsageAcrossTenants } from "./limit-usage.ts";
import { containing, holding, type ListEngine, listedFrom } from "./list-filter.ts";
import { pageOf } from "./page.ts";
import { policyRecord } from "./policies.ts";
import { rateLimitRecord } from "./rate-limits.ts";
import type { Schema } from "./schema.ts";
import { serverRecord } from "./servers.ts";

const ENDED_MAX = 10_000;
/** In one transaction: others wait for it. */
const TOUCHES_MAX = 200;

/** All queries that are not held to one organisation, each with its reason. */
export function acrossTenants(
  engine: ListEngine & Pick<Engine, "fromNow">,
  sealer: RotatingSealer,
): AcrossTenants {
  const { db, fromNow } = engine;
  const [keyByHash, keyById] = [keyQuery(db, "hash"), keyQuery(db, "id")];
  return {
    // Limits are counted for all tenants by every process.
    ...limitUsageAcrossTenants(db, fromNow),
    // The configuration compiler serves everybody, and a platform administrator administers everybody.
    organizations: (page, filter = {}) => {
      const { after, limit } = pageOf(page);
      const { search, ...values } = filter;
      return listedFrom(engine, filter)
        .selectFrom("organizations")
        .selectAll()
        .where("id", ">", after)
        .where(holding<"organizations">(values))
        .where(containing(["slug", "name"], search))
        .orderBy("id")
        .limit(limit)
        .execute();
    },
    // The compiler does not know beforehand whose part is to be compiled again.
    organizationsChangedSince: async (configVersion) => {
      const rows = await db
        .selectFrom("organizations")
        .select("id")
        .where("configVersion", ">", configVersion)
        .execute();
      return rows.map(({ id }) => id);
    },
    // A removed one is told by one fewer than are known.
    organizationCount: async () => {
      const { rowCount } = await db
        .selectFrom("organizations")
        .select(({ fn }) => fn.countAll<number>().as("rowCount"))
        .executeTakeFirstOrThrow();
      return Number(rowCount);
    },
    // Those that changed are compiled again together, at the start all.
    configurationOf: (ids) => configurationOf(db, sealer, ids),
    // Nobody is left to ask for the deletion of what they had recorded.
    organizationsRemoved: async () => {
      const ids = new Set([...(await tenantsOf(db, "request_logs")), ...(await tenantsOf(db, "audit_logs"))]);
      const there = await db.selectFrom("organizations").select("id").execute();
      for (const { id } of there) ids.delete(id);
      return [...ids];
    },
    // Only the key itself says which organisation its bearer belongs to.
    apiKeyByHash: (hash) => apiKeyIdentity(db, keyByHash(hash)),
    // A token exchanged from a key names the key; its organisation is the key's.
    apiKeyById: (id) => apiKeyIdentity(db, keyById(id)),
    // Whoever signs in names the organisation as people do.
    organizationBySlug: (slug) =>
      db.selectFrom("organizations").selectAll().where("slug", "=", slug).executeTakeFirst(),
    // A batch holds the uses of all the keys that were used within a minute.
    touchApiKeys: (uses) =>
      inTransactions(db, uses, async (transaction, { id, at }) => {
        const time = new Date(at);
        await transaction
          .updateTable("apiKeys")
          .set({ lastUsedAt: time })
          .where("id", "=", id)
          .where(({ or, eb }) => or([eb("lastUsedAt", "is", null), eb("lastUsedAt", "<", instant(at))]))
          .execute();
      }),
    // The same for sessions.
    touchSessions: (uses) =>
      inTransactions(db, uses, async (transaction, { id, at }) => {
        const time = new Date(at);
        await transaction
          .updateTable("mcpSessions")
          .set({ lastActivityAt: time })
          .where("id", "=", id)
          .where("lastActivityAt", "<", instant(at))
          .execute();
      }),
    // Every process forgets ended sessions, whoever's they are.
    sessionsEndedSince: async (at) => {
      const rows = await db
        .selectFrom("mcpSessions")
        .select("id")
        .where("endedAt", ">=", instant(at))
        .orderBy("endedAt", "desc")
        .limit(ENDED_MAX)
        .execute();
      return rows.map(({ id }) => id);
    },
    // Idleness is measured for all tenants by one duty.
    expireSessions: async (idleSince, at, limit) => {
      const rows = await db
        .updateTable("mcpSessions")
        .set({ status: "expired", endedAt: new Date(at) })
        .where("id", "in", (select) =>
          select
            .selectFrom("mcpSessions")
            .select("id")
            .where("status", "=", "active")
            .where("lastActivityAt", "<", instant(idleSince))
            .limit(limit),
        )
        .where("status", "=", "active")
        .returning("id")
        .execute();
      return rows.map(({ id }) => id);
    },
  };
}

async function configurationOf(
  db: Kysely<Schema>,
  sealer: RotatingSealer,
  ids: readonly string[],
): Promise<TenantRows> {
  if (ids.length === 0)
    return {
      ...{ organizations: [], namespaces: [], servers: [] },
      ...{ rateLimits: [], policies: [], claimMappings: [] },
    };
  const [organizations, namespaces, servers, rateLimits, policies, claimMappings, routes] = await Promise.all(
    [
      db.selectFrom("organizations").selectAll().where("id", "in", ids).execute(),
      db.selectFrom("namespaces").selectAll().where("organizationId", "in", ids).orderBy("id").execute(),
      db.selectFrom("mcpServers").selectAll().where("organizationId", "in", ids).orderBy("id").execute(),
      db.selectFrom("rateLimits").selectAll().where("organizationId", "in", ids).orderBy("id").execute(),
      db.selectFrom("policies").selectAll().where("organizationId", "in", ids).orderBy("id").execute(),
      db.selectFrom("claimMappings").selectAll().where("organizationId", "in", ids).execute(),
      db.selectFrom("routingPolicies").selectAll().where("organizationId", "in", ids).orderBy("id").execute(),
    ],
  );
  return {
    organizations,
    namespaces,
    servers: servers.map((row) => serverRecord(row, sealer)),
    rateLimits: rateLimits.map(rateLimitRecord),
    policies: [...policies, ...routes].map(policyRecord),
    claimMappings: claimMappings.map(claimMappingRecord),
  };
}

/** From one tenant to the next by the index: the cost grows with the tenants, not with their records. */
async function tenantsOf(db: Kysely<Schema>, table: "request_logs" | "audit_logs"): Promise<string[]> {
  const next = (bound: ReturnType<typeof sql>) =>
    sql`(select organization_id from ${sql.table(table)} where ${bound} order by organization_id limit 1)`;
  const { rows } = await sql<{ id: string }>`with recursive tenants (id) as (
      select * from ${next(sql`organization_id is not null`)} as first
      union all
      select ${next(sql`organization_id > tenants.id`)} from tenants where tenants.id is not null
    ) select id from tenants where id is not null`.execute(db);
  return rows.map(({ id }) => id);
}

/** A caller who is not known waits for it, and building a query takes longer than its answer: it is built once. */
function keyQuery(db: Kysely<Schema>, column: "hash" | "id") {
  const place = crypto.randomUUID();
  const build = () =>
    db
      .selectFrom("apiKeys")
      .innerJoin("organizations", "organizations.id", "apiKeys.organizationId")
      .leftJoin("namespaces", (join) =>
        join
          .onRef("namespaces.organizationId", "=", "organizations.id")
          .on("namespaces.slug", "=", "default"),
      )
      .selectAll("apiKeys")
      .select(["namespaces.id as defaultNamespaceId", "organizations.isActive as organizationIsActive"])
      .where(`apiKeys.${column}`, "=", place)
      .compile();
  let built: ReturnType<typeof build> | undefined;
  return (value: string): NonNullable<typeof built> => {
    built ??= build();
    return { ...built, parameters: built.parameters.map((given) => (given === place ? value : given)) };
  };
}

async function apiKeyIdentity(
  db: Kysely<Schema>,
  query: ReturnType<ReturnType<typeof keyQuery>>,
): Promise<ApiKeyIdentity | undefined> {
  const [row] = (await db.executeQuery(query)).rows;
  if (row === undefined) return undefined;
  const { defaultNamespaceId, organizationIsActive, ...key } = row;
  const owner =
    key.userId === null
      ? null
      : await db
          .selectFrom("users")
          .select(["isActive", "role", "platformAdmin", "permissions"])
          .where("organizationId", "=", key.organizationId)
          .where("id", "=", key.userId)
          .executeTakeFirst();
  // Removed between the two readings, and its keys with it.
  if (owner === undefined) return undefined;
  return { key, defaultNamespaceId, organizationActive: organizationIsActive, owner };
}

/** In order of id, so that two processes never wait for each other's rows. */
async function inTransactions(
  db: Kysely<Schema>,
  uses: readonly Use[],
  touch: (transaction: Kysely<Schema>, use: Use) => Promise<void>,
): Promise<void> {
  if (uses.length === 0) return;
  const ordered = [...uses].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (let from = 0; from < ordered.length; from += TOUCHES_MAX) {
    await db.transaction().execute(async (transaction) => {
      for (const use of ordered.slice(from, from + TOUCHES_MAX)) await touch(transaction, use);
    });
  }
}
