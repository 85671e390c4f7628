import type { Kysely } from "kysely";
import type { Sessions } from "../model/ports/store.ts";
import { checked, textList, textMap } from "./json-column.ts";
import { pageOf } from "./page.ts";
import type { Schema } from "./schema.ts";

export function sessionStore(db: Kysely<Schema>): Sessions {
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
    update: async (organizationId, id, { logLevel, subscriptions, upstreamSessions }) => {
      const set = {
        ...(logLevel === undefined ? {} : { logLevel }),
        ...(subscriptions && { subscriptions: checked(textList, "subscriptions", subscriptions) }),
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
