import type { Kysely } from "kysely";
import type { Sessions } from "../model/ports/store.ts";
import type { Engine } from "./engine.ts";
import { checked, textList, textMap } from "./json-column.ts";
import { pageOf } from "./page.ts";
import type { Schema } from "./schema.ts";

export function sessionStore(db: Kysely<Schema>, kind: Engine["kind"]): Sessions {
  const within = (organizationId: string) =>
    db.selectFrom("mcpSessions").selectAll().where("organizationId", "=", organizationId);
  return {
    create: async (session) => {
      await db
        .insertInto("mcpSessions")
        .values({
          ...session,
          subscriptions: checked(textList, "subscriptions", session.subscriptions),
          upstreamSessions: checked(textMap, "upstream_sessions", session.upstreamSessions),
          startedAt: new Date(session.startedAt),
          lastActivityAt: new Date(session.lastActivityAt),
          endedAt: session.endedAt === null ? null : new Date(session.endedAt),
        })
        .execute();
    },
    find: (organizationId, id) => within(organizationId).where("id", "=", id).executeTakeFirst(),
    list: (organizationId, page) => {
      const { after, limit } = pageOf(page);
      let query = within(organizationId).where("id", ">", after).orderBy("id").limit(limit);
      if (page?.namespaceId !== undefined) query = query.where("namespaceId", "=", page.namespaceId);
      return query.execute();
    },
    update: async (organizationId, id, { logLevel, connectionId, upstreamSessions }) => {
      const set = {
        ...(logLevel === undefined ? {} : { logLevel }),
        ...(connectionId === undefined ? {} : { connectionId }),
        ...(upstreamSessions && {
          upstreamSessions: checked(textMap, "upstream_sessions", upstreamSessions),
        }),
      };
      if (Object.keys(set).length === 0) return true;
      const { numUpdatedRows } = await db
        .updateTable("mcpSessions")
        .set(set)
        .where("organizationId", "=", organizationId)
        .where("id", "=", id)
        .where("status", "=", "active")
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
    subscribe: (organizationId, id, uri, isSubscribed) =>
      db.transaction().execute(async (transaction) => {
        const query = transaction
          .selectFrom("mcpSessions")
          .select("subscriptions")
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .where("status", "=", "active");
        // SQLite has one writer; PostgreSQL lets a second one wait for the row.
        const row = await (kind === "postgres" ? query.forUpdate() : query).executeTakeFirst();
        if (row === undefined) return false;
        const others = row.subscriptions.filter((other) => other !== uri);
        const subscriptions = isSubscribed ? [...others, uri] : others;
        await transaction
          .updateTable("mcpSessions")
          .set({ subscriptions: checked(textList, "subscriptions", subscriptions) })
          .where("id", "=", id)
          .execute();
        return true;
      }),
    end: async (organizationId, id, status, at) => {
      const { numUpdatedRows } = await db
        .updateTable("mcpSessions")
        .set({ status, endedAt: new Date(at) })
        .where("organizationId", "=", organizationId)
        .where("id", "=", id)
        .where("status", "=", "active")
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
  };
}
