import type { Kysely, Selectable } from "kysely";
import { sql } from "kysely";
import { z } from "zod";
import type { PolicyAction, PolicyEffect, PolicyRecord, PolicyRule } from "../model/policy.ts";
import type { PolicyFilter } from "../model/ports/filters.ts";
import type { PageRequest } from "../model/ports/row.ts";
import type { PolicyRows } from "../model/ports/store.ts";
import { changeOf, configWrite } from "./config-version.ts";
import { stampAfter } from "./instant.ts";
import { checked, textList } from "./json-column.ts";
import { containing, holding, type ListEngine, listedFrom } from "./list-filter.ts";
import { pageOf } from "./page.ts";
import type { Schema } from "./schema.ts";
import { alreadyExists } from "./unique-fault.ts";

/** Which acts of administration there are is not for the store to know. */
const action = z.union([
  z.enum(["*", "call", "read", "get", "list"]),
  z.templateLiteral([z.string(), ".", z.string()]),
]) satisfies z.ZodType<PolicyAction>;
const rule = z
  .object({
    effect: z.enum(["allow", "deny", "route"]),
    subjects: textList,
    actions: z.array(action).readonly(),
    resources: textList,
    condition: z.string().optional(),
    route: z.object({ server: z.string() }).optional(),
  })
  .readonly();

type Table = "policies" | "routingPolicies";
const TABLES: readonly Table[] = ["policies", "routingPolicies"];
const tableOf = (effect: PolicyEffect): Table => (effect === "route" ? "routingPolicies" : "policies");
const otherOf = (table: Table): Table => (table === "policies" ? "routingPolicies" : "policies");

/** Policies of two tables as one: see migration `0019-routing`. */
export function policyStore(engine: ListEngine): PolicyRows {
  const { db } = engine;
  return {
    create: async (policy) => {
      const { effect, subjects, actions, resources, condition, route, ...columns } = policy;
      const text = { effect, subjects, actions, resources, condition, route };
      const rules = checked<PolicyRule>(rule, "rules", text);
      const now = new Date();
      const table = tableOf(effect);
      await configWrite(db, policy.organizationId, async (transaction) => {
        await free(transaction, otherOf(table), policy.organizationId, policy.name);
        await transaction
          .insertInto(table)
          .values({ ...columns, rules, createdAt: now, updatedAt: now })
          .execute();
        return true;
      });
      return (await find(db, policy.organizationId, policy.id)) as PolicyRecord;
    },
    find: (organizationId, id) => find(db, organizationId, id),
    list: async (organizationId, page, filter = {}) => {
      const { limit } = pageOf(page);
      const tables = filter.effect === undefined ? TABLES : [tableOf(filter.effect)];
      const from = listedFrom(engine, filter);
      const rows = await Promise.all(
        tables.map((table) => listOf(from, table, organizationId, page, filter)),
      );
      return rows
        .flat()
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit);
    },
    update: async (organizationId, id, change) => {
      const isChanged = await configWrite(db, organizationId, async (transaction) => {
        const row = await find(transaction, organizationId, id);
        if (row === undefined) return false;
        const set = changeOf(change, row);
        await replace(transaction, row, { ...row, ...set });
        return true;
      });
      return isChanged ? find(db, organizationId, id) : undefined;
    },
    remove: (organizationId, id, check) =>
      configWrite(db, organizationId, async (transaction) => {
        const row = await find(transaction, organizationId, id);
        if (row === undefined) return false;
        check?.(row);
        await removeFrom(transaction, tableOf(row.effect), organizationId, id);
        return true;
      }),
  };
}

async function find(
  db: Kysely<Schema>,
  organizationId: string,
  id: string,
): Promise<PolicyRecord | undefined> {
  for (const table of TABLES) {
    const row = await db
      .selectFrom(table)
      .selectAll()
      .where("organizationId", "=", organizationId)
      .where("id", "=", id)
      .executeTakeFirst();
    if (row !== undefined) return policyRecord(row);
  }
  return undefined;
}

async function listOf(
  db: Kysely<Schema>,
  table: Table,
  organizationId: string,
  page: PageRequest | undefined,
  { effect, search, ...values }: PolicyFilter,
): Promise<PolicyRecord[]> {
  const { after, limit } = pageOf(page);
  const rows = await db
    .selectFrom(table)
    .selectAll()
    .where("organizationId", "=", organizationId)
    .where("id", ">", after)
    .where(holding<Table>(values))
    .where(containing(["name"], search))
    .$if(effect !== undefined, (query) => query.where(sql<boolean>`rules ->> 'effect' = ${effect}`))
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(policyRecord);
}

/** Another effect may be another table; id and age stay. */
async function replace(db: Kysely<Schema>, before: PolicyRecord, after: PolicyRecord): Promise<void> {
  const { organizationId, id, namespaceId, createdBy, name, description, priority, isActive } = after;
  const { effect, subjects, actions, resources, condition, route } = after;
  const text = { effect, subjects, actions, resources, condition, route };
  const rules = checked<PolicyRule>(rule, "rules", text);
  const [from, to] = [tableOf(before.effect), tableOf(effect)];
  if (name !== before.name || from !== to) await free(db, otherOf(to), organizationId, name, id);
  const columns = { name, description, priority, isActive, rules, updatedAt: stampAfter(before.updatedAt) };
  if (from === to) {
    await db
      .updateTable(to)
      .set(columns)
      .where("organizationId", "=", organizationId)
      .where("id", "=", id)
      .execute();
    return;
  }
  await removeFrom(db, from, organizationId, id);
  const createdAt = new Date(before.createdAt);
  await db
    .insertInto(to)
    .values({ ...columns, id, organizationId, namespaceId, createdBy, createdAt })
    .execute();
}

async function removeFrom(db: Kysely<Schema>, table: Table, organizationId: string, id: string) {
  await db.deleteFrom(table).where("organizationId", "=", organizationId).where("id", "=", id).execute();
}

/**
 * A name is used once, whichever table has it; the writes of an organisation queue, so that nobody takes it meanwhile.
 * @param own may have it
 */
async function free(
  db: Kysely<Schema>,
  table: Table,
  organizationId: string,
  name: string,
  own?: string,
): Promise<void> {
  const taken = await db
    .selectFrom(table)
    .select("id")
    .where("organizationId", "=", organizationId)
    .where("name", "=", name)
    .executeTakeFirst();
  if (taken !== undefined && taken.id !== own) throw alreadyExists("name");
}

export function policyRecord({
  rules,
  ...columns
}: Selectable<Schema["policies" | "routingPolicies"]>): PolicyRecord {
  return { ...columns, ...rules };
}
