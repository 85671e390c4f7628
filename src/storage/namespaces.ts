import type { Insertable, Kysely } from "kysely";
import type { Namespaces, NewNamespace } from "../model/ports/store.ts";
import { changeOf, configWrite, countCredentialWrite } from "./config-version.ts";
import { stampAfter } from "./instant.ts";
import { checked, jsonMap } from "./json-column.ts";
import { containing, type ListEngine, listedFrom } from "./list-filter.ts";
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

export function namespaceStore(engine: ListEngine): Namespaces {
  const { db } = engine;
  const within = (organizationId: string, from: Kysely<Schema> = db) =>
    from.selectFrom("namespaces").selectAll().where("organizationId", "=", organizationId);
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
    list: (organizationId, page, filter = {}) => {
      const { after, limit } = pageOf(page);
      return within(organizationId, listedFrom(engine, filter))
        .where("id", ">", after)
        .where(containing(["slug", "name"], filter.search))
        .orderBy("id")
        .limit(limit)
        .execute();
    },
    update: async (organizationId, id, change) => {
      const isChanged = await configWrite(db, organizationId, async (transaction) => {
        const row = await within(organizationId, transaction).where("id", "=", id).executeTakeFirst();
        if (row === undefined) return false;
        const { metadata, ...set } = changeOf(change, row);
        await transaction
          .updateTable("namespaces")
          .set({
            ...set,
            ...(metadata !== undefined && { metadata: checked(jsonMap, "metadata", metadata) }),
            updatedAt: stampAfter(row.updatedAt),
          })
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .execute();
        return true;
      });
      return isChanged ? within(organizationId).where("id", "=", id).executeTakeFirst() : undefined;
    },
    remove: (organizationId, id, check) =>
      configWrite(db, organizationId, async (transaction) => {
        const row = await within(organizationId, transaction).where("id", "=", id).executeTakeFirst();
        if (row === undefined) return false;
        check?.(row);
        await transaction
          .deleteFrom("namespaces")
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .execute();
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
