import type { Insertable, Kysely } from "kysely";
import type { NewOrganization, Organizations } from "../model/ports/store.ts";
import { changeOf, configWrite, countCredentialWrite } from "./config-version.ts";
import { stampAfter } from "./instant.ts";
import type { Schema } from "./schema.ts";

export function organizationRow(organization: NewOrganization): Insertable<Schema["organizations"]> {
  const now = new Date();
  return {
    plan: "free",
    maxServers: 10,
    maxSessions: 100,
    logRetentionDays: 7,
    isActive: true,
    ...organization,
    configVersion: 0,
    createdAt: now,
    updatedAt: now,
  };
}

export function organizationStore(db: Kysely<Schema>): Organizations {
  const find = (id: string, from: Kysely<Schema> = db) =>
    from.selectFrom("organizations").selectAll().where("id", "=", id).executeTakeFirst();
  return {
    create: async (organization) => {
      await configWrite(db, organization.id, async (transaction) => {
        await transaction.insertInto("organizations").values(organizationRow(organization)).execute();
        return true;
      });
      return db
        .selectFrom("organizations")
        .selectAll()
        .where("id", "=", organization.id)
        .executeTakeFirstOrThrow();
    },
    find: (id) => find(id),
    update: async (id, change) => {
      const isChanged = await configWrite(db, id, async (transaction) => {
        const row = await find(id, transaction);
        if (row === undefined) return false;
        const set = changeOf(change, row);
        await transaction
          .updateTable("organizations")
          .set({ ...set, updatedAt: stampAfter(row.updatedAt) })
          .where("id", "=", id)
          .execute();
        // An inactive organisation's keys must stop working wherever they are cached.
        if (set.isActive !== undefined) await countCredentialWrite(transaction);
        return true;
      });
      return isChanged ? find(id) : undefined;
    },
    remove: (id, check) =>
      configWrite(db, id, async (transaction) => {
        const row = await find(id, transaction);
        if (row === undefined) return false;
        check?.(row);
        await transaction.deleteFrom("organizations").where("id", "=", id).execute();
        await countCredentialWrite(transaction);
        return true;
      }),
  };
}
