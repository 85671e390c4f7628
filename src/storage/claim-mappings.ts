import type { Kysely, Selectable } from "kysely";
import { z } from "zod";
import type { ClaimMapping, ClaimMappingRecord } from "../model/claim-mapping.ts";
import type { ClaimMappings } from "../model/ports/store.ts";
import { configWrite } from "./config-version.ts";
import { stampAfter } from "./instant.ts";
import { checked, textList } from "./json-column.ts";
import type { Schema } from "./schema.ts";

const scopeLists = z.record(z.string(), textList).readonly();
const rules = z
  .object({
    claims: textList.optional(),
    mappings: scopeLists,
    permissions: scopeLists,
    scopeMode: z.enum(["any", "all"]),
    defaultScope: z.string().optional(),
  })
  .readonly() as z.ZodType<ClaimMapping>;

export function claimMappingStore(db: Kysely<Schema>): ClaimMappings {
  const find = async (organizationId: string, from: Kysely<Schema> = db) => {
    const row = await from
      .selectFrom("claimMappings")
      .selectAll()
      .where("organizationId", "=", organizationId)
      .executeTakeFirst();
    return row && claimMappingRecord(row);
  };
  return {
    find: (organizationId) => find(organizationId),
    put: (organizationId, make) =>
      configWrite(db, organizationId, async (transaction) => {
        const before = await find(organizationId, transaction);
        const set = { rules: checked(rules, "rules", make(before)) };
        if (before === undefined) {
          const now = new Date();
          const row = { organizationId, ...set, createdAt: now, updatedAt: now };
          await transaction.insertInto("claimMappings").values(row).execute();
        } else {
          await transaction
            .updateTable("claimMappings")
            .set({ ...set, updatedAt: stampAfter(before.updatedAt) })
            .where("organizationId", "=", organizationId)
            .execute();
        }
        return (await find(organizationId, transaction)) as ClaimMappingRecord;
      }),
    remove: (organizationId, check) =>
      configWrite(db, organizationId, async (transaction) => {
        const before = await find(organizationId, transaction);
        if (before === undefined) return false;
        check?.(before);
        await transaction.deleteFrom("claimMappings").where("organizationId", "=", organizationId).execute();
        return true;
      }),
  };
}

export function claimMappingRecord(row: Selectable<Schema["claimMappings"]>): ClaimMappingRecord {
  const { rules: mapping, ...columns } = row;
  const { claims, mappings, permissions, scopeMode, defaultScope } = mapping;
  return { ...columns, claims, mappings, permissions, scopeMode, defaultScope };
}
