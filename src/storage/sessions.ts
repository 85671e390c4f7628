import type { Kysely, Transaction } from "kysely";
import { GatewayError } from "../errors/gateway-error.ts";
import type { Sessions } from "../model/ports/sessions.ts";
import type { Engine } from "./engine.ts";
import { instant } from "./instant.ts";
import { checked, textList, textMap } from "./json-column.ts";
import { holding, type ListEngine, listedFrom } from "./list-filter.ts";
import { pageOf } from "./page.ts";
import type { Schema } from "./schema.ts";

/** A session nobody used for this long gives up its place to a new one. Uses are written up to a minute late. */
const IDLE_MS = 300_000;

export function sessionStore(engine: ListEngine & Pick<Engine, "kind">): Sessions {
  const { db, kind } = engine;
  const within = (organizationId: string, from: Kysely<Schema> = db) =>
    from.selectFrom("mcpSessions").selectAll().where("organizationId", "=", organizationId);
  return {
    create: (session) =>
      db.transaction().execute(async (transaction) => {
        const query = transaction
          .selectFrom("organizations")
          .select("maxSessions")
          .where("id", "=", session.organizationId);
        // Creates side by side queue at the organisation's row, so that the last free place is taken once.
        const row = await (kind === "postgres" ? query.forNoKeyUpdate() : query).executeTakeFirst();
        const displaced = row && (await makeRoom(transaction, session.organizationId, row.maxSessions));
        await transaction
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
        return displaced;
      }),
    find: (organizationId, id) => within(organizationId).where("id", "=", id).executeTakeFirst(),
    list: (organizationId, page, filter = {}) => {
      const { after, limit } = pageOf(page);
      return within(organizationId, listedFrom(engine, filter))
        .where("id", ">", after)
        .where(holding<"mcpSessions">(filter))
        .orderBy("id")
        .limit(limit)
        .execute();
    },
    count: (organizationId) => countActive(db, organizationId),
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

function active(db: Kysely<Schema>, organizationId: string) {
  return db
    .selectFrom("mcpSessions")
    .where("organizationId", "=", organizationId)
    .where("status", "=", "active");
}

async function countActive(db: Kysely<Schema>, organizationId: string): Promise<number> {
  const { count } = await active(db, organizationId)
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** @returns the session that gave up its place @throws GatewayError `sessions_exhausted` where all are in use */
async function makeRoom(
  transaction: Transaction<Schema>,
  organizationId: string,
  max: number,
): Promise<string | undefined> {
  const count = await countActive(transaction, organizationId);
  if (count < max) return undefined;
  const now = Date.now();
  const idlest = await active(transaction, organizationId)
    .select("id")
    .where("lastActivityAt", "<", instant(now - IDLE_MS))
    .orderBy("lastActivityAt")
    .executeTakeFirst();
  // Over its maximum, because it was lowered, an organisation gets no new ones for old ones.
  if (idlest === undefined || count > max) throw new GatewayError("sessions_exhausted", { max });
  await transaction
    .updateTable("mcpSessions")
    .set({ status: "expired", endedAt: new Date(now) })
    .where("id", "=", idlest.id)
    .execute();
  return idlest.id;
}
