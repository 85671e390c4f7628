import type { Insertable, Kysely } from "kysely";
import type { Namespaces, NewNamespace } from "../model/ports/store.ts";
import { configWrite, countCredentialWrite } from "./config-version.ts";
import { instant, stampAfter } from "./instant.ts";
import { checked, jsonMap } from "./json-column.ts";
import { pageOf } from "./page.ts";
import type { Schema } from "./schema.ts";

export function namespaceRow(namespace: NewNamespace): Insertable<Schema["namespaces"]> {
  const now = new Date();
  return {
    ...namespace,
    description: namespace.description ?? "",
    separator: namespace.separator ?? "__",
    metadata: checked(jsonMap, "metadata", namespace.metadata ?? {}),
    createdAt: now,
    updatedAt: now,
  };
}

export function namespaceStore(db: Kysely<Schema>): Namespaces {
  const within = (organizationId: string) =>
    db.selectFrom("namespaces").selectAll().where("organizationId", "=", organizationId);
  return {
    create: async (namespace) => {
      const row = namespaceRow(namespace);
      await configWrite(db, namespace.organizationId, async (transaction) => {
        await transaction.insertInto("namespaces").values(row).execute();
        return true;
      });
      return within(namespace.organizationId).where("id", "=", namespace.id).executeTakeFirstOrThrow();
    },
    find: (organizationId, id) => within(organizationId).where("id", "=", id).executeTakeFirst(),
    findBySlug: (organizationId, slug) => within(organizationId).where("slug", "=", slug).executeTakeFirst(),
    list: (organizationId, page) => {
      const { after, limit } = pageOf(page);
      return within(organizationId).where("id", ">", after).orderBy("id").limit(limit).execute();
    },
    update: async (organizationId, id, change, unchangedSince) => {
      const metadata =
        change.metadata === undefined ? {} : { metadata: checked(jsonMap, "metadata", change.metadata) };
      const isChanged = await configWrite(db, organizationId, async (transaction) => {
        const { numUpdatedRows } = await transaction
          .updateTable("namespaces")
          .set({ ...change, ...metadata, updatedAt: stampAfter(unchangedSince) })
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .$if(unchangedSince !== undefined, (query) =>
            query.where("updatedAt", "=", instant(unchangedSince as number)),
          )
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      });
      return isChanged ? within(organizationId).where("id", "=", id).executeTakeFirst() : undefined;
    },
    remove: (organizationId, id) =>
      configWrite(db, organizationId, async (transaction) => {
        const { numDeletedRows } = await transaction
          .deleteFrom("namespaces")
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .executeTakeFirst();
        if (numDeletedRows === 0n) return false;
        await transaction
          .deleteFrom("mcpSessions")
          .where("organizationId", "=", organizationId)
          .where("namespaceId", "=", id)
          .execute();
        await countCredentialWrite(transaction);
        return true;
      }),
  };
}
