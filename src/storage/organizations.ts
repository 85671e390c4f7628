import type { Insertable, Kysely } from "kysely";
import type { NewOrganization, Organizations } from "../model/ports/store.ts";
import { configWrite, countCredentialWrite } from "./config-version.ts";
import { instant, stampAfter } from "./instant.ts";
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
    update: async (id, change, unchangedSince) => {
      const isChanged = await configWrite(db, id, async (transaction) => {
        const { numUpdatedRows } = await transaction
          .updateTable("organizations")
          .set({ ...change, updatedAt: stampAfter(unchangedSince) })
          .where("id", "=", id)
          .$if(unchangedSince !== undefined, (query) =>
            query.where("updatedAt", "=", instant(unchangedSince as number)),
          )
          .executeTakeFirst();
        // An inactive organisation's keys must stop working wherever they are cached.
        if (numUpdatedRows > 0n && change.isActive !== undefined) await countCredentialWrite(transaction);
        return numUpdatedRows > 0n;
      });
      return isChanged ? find(id) : undefined;
    },
    remove: (id) =>
      configWrite(db, undefined, async (transaction) => {
        const { numDeletedRows } = await transaction
          .deleteFrom("organizations")
          .where("id", "=", id)
          .executeTakeFirst();
        if (numDeletedRows > 0n) await countCredentialWrite(transaction);
        return numDeletedRows > 0n;
      }),
  };
}
