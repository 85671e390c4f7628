import type { Kysely, Selectable } from "kysely";
import { z } from "zod";
import type { PolicyAction, PolicyRecord, PolicyRule } from "../model/policy.ts";
import type { PolicyRows } from "../model/ports/store.ts";
import { changeOf, configWrite } from "./config-version.ts";
import { stampAfter } from "./instant.ts";
import { checked, textList } from "./json-column.ts";
import { pageOf } from "./page.ts";
import type { Schema } from "./schema.ts";

/** Which acts of administration there are is not for the store to know. */
const action = z.union([
  z.enum(["*", "call", "read", "get", "list"]),
  z.templateLiteral([z.string(), ".", z.string()]),
]) satisfies z.ZodType<PolicyAction>;
const rule = z
  .object({
    effect: z.enum(["allow", "deny"]),
    subjects: textList,
    actions: z.array(action).readonly(),
    resources: textList,
    condition: z.string().optional(),
  })
  .readonly();

export function policyStore(db: Kysely<Schema>): PolicyRows {
  const within = (organizationId: string, from: Kysely<Schema> = db) =>
    from.selectFrom("policies").selectAll().where("organizationId", "=", organizationId);
  const find = async (organizationId: string, id: string, from: Kysely<Schema> = db) => {
    const row = await within(organizationId, from).where("id", "=", id).executeTakeFirst();
    return row && policyRecord(row);
  };
  return {
    create: async (policy) => {
      const { effect, subjects, actions, resources, condition, ...columns } = policy;
      const rules = checked<PolicyRule>(rule, "rules", { effect, subjects, actions, resources, condition });
      const now = new Date();
      await configWrite(db, policy.organizationId, async (transaction) => {
        await transaction
          .insertInto("policies")
          .values({ ...columns, rules, createdAt: now, updatedAt: now })
          .execute();
        return true;
      });
      return (await find(policy.organizationId, policy.id)) as PolicyRecord;
    },
    find: (organizationId, id) => find(organizationId, id),
    list: async (organizationId, page) => {
      const { after, limit } = pageOf(page);
      const rows = await within(organizationId)
        .where("id", ">", after)
        .$if(page?.namespaceId !== undefined, (query) =>
          query.where("namespaceId", "=", page?.namespaceId as string),
        )
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(policyRecord);
    },
    update: async (organizationId, id, change) => {
      const isChanged = await configWrite(db, organizationId, async (transaction) => {
        const row = await find(organizationId, id, transaction);
        if (row === undefined) return false;
        const set = changeOf(change, row);
        const { name, description, priority, isActive } = set;
        const rules = checked<PolicyRule>(rule, "rules", { ...row, ...set });
        await transaction
          .updateTable("policies")
          .set({
            rules,
            ...(name !== undefined && { name }),
            ...(description !== undefined && { description }),
            ...(priority !== undefined && { priority }),
            ...(isActive !== undefined && { isActive }),
            updatedAt: stampAfter(row.updatedAt),
          })
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .execute();
        return true;
      });
      return isChanged ? find(organizationId, id) : undefined;
    },
    remove: (organizationId, id, check) =>
      configWrite(db, organizationId, async (transaction) => {
        const row = await find(organizationId, id, transaction);
        if (row === undefined) return false;
        check?.(row);
        await transaction
          .deleteFrom("policies")
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .execute();
        return true;
      }),
  };
}

export function policyRecord({ rules, ...columns }: Selectable<Schema["policies"]>): PolicyRecord {
  return { ...columns, ...rules };
}
