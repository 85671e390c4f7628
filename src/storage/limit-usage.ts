import { type Kysely, sql } from "kysely";
import type { AcrossTenants } from "../model/ports/store.ts";
import type { Engine } from "./engine.ts";
import { instant } from "./instant.ts";
import { limitOf } from "./page.ts";
import type { Schema } from "./schema.ts";

/** A reset is of no use any more when every process has long read it. */
const RESET_LIFE_MS = 3_600_000;

/** One statement; PostgreSQL takes 65,535 parameters. */
const ROWS_MAX = 200;

type LimitQueries = Pick<
  AcrossTenants,
  | "addLimitUsage"
  | "limitUsage"
  | "forgetLimitUsageBefore"
  | "countLimitProcess"
  | "addLimitReset"
  | "limitResets"
>;

/** What the counting processes keep of all tenants: each batch holds whatever was counted, whoever called. */
export function limitUsageAcrossTenants(db: Kysely<Schema>, fromNow: Engine["fromNow"]): LimitQueries {
  return {
    addLimitUsage: async (deltas) => {
      // In order of the key, so that two processes never wait for each other's rows.
      const key = (delta: (typeof deltas)[number]) => `${delta.ruleId} ${delta.periodStart} ${delta.subject}`;
      const ordered = [...deltas].sort((a, b) => (key(a) < key(b) ? -1 : 1));
      const totals: Awaited<ReturnType<AcrossTenants["addLimitUsage"]>> = [];
      for (let from = 0; from < ordered.length; from += ROWS_MAX) {
        const batch = ordered.slice(from, from + ROWS_MAX);
        const rows = await db.transaction().execute(async (transaction) => {
          const owners = [...new Set(batch.flatMap(({ organizationId }) => organizationId ?? []))];
          const known =
            owners.length === 0
              ? []
              : await transaction
                  .selectFrom("organizations")
                  .select("id")
                  .where("id", "in", owners)
                  .execute();
          const living = new Set(known.map(({ id }) => id));
          // An organisation that was removed meanwhile takes its usage along.
          const values = batch
            .filter(({ organizationId }) => organizationId === null || living.has(organizationId))
            .map((delta) => ({ ...delta, periodStart: new Date(delta.periodStart), updatedAt: new Date() }));
          if (values.length === 0) return [];
          return transaction
            .insertInto("rateLimitUsage")
            .values(values)
            .onConflict((conflict) =>
              conflict.columns(["ruleId", "periodStart", "period", "subject"]).doUpdateSet({
                admitted: sql<number>`rate_limit_usage.admitted + excluded.admitted`,
                refused: sql<number>`rate_limit_usage.refused + excluded.refused`,
                updatedAt: sql<Date>`excluded.updated_at`,
              }),
            )
            .returning([
              "ruleId",
              "subject",
              "period",
              "periodStart",
              "organizationId",
              "admitted",
              "refused",
            ])
            .execute();
        });
        totals.push(...rows);
      }
      return totals;
    },
    limitUsage: async (ruleIds, periodStarts, after, limit) => {
      if (ruleIds.length === 0 || periodStarts.length === 0) return [];
      let query = db
        .selectFrom("rateLimitUsage")
        .select(["ruleId", "subject", "period", "periodStart", "organizationId", "admitted", "refused"])
        .where("ruleId", "in", ruleIds)
        .where(({ or, eb }) => or(periodStarts.map((start) => eb("periodStart", "=", instant(start)))))
        .orderBy("ruleId")
        .orderBy("periodStart")
        .orderBy("period")
        .orderBy("subject")
        .limit(limitOf(limit));
      if (after !== undefined) {
        const { ruleId, periodStart, period, subject } = after;
        query = query.where(
          sql<boolean>`(rule_id, period_start, period, subject) > (${ruleId}, ${instant(periodStart)}, ${period}, ${subject})`,
        );
      }
      return query.execute();
    },
    forgetLimitUsageBefore: async (period, before) => {
      const { numDeletedRows } = await db
        .deleteFrom("rateLimitUsage")
        .where("period", "=", period)
        .where("periodStart", "<", instant(before))
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
    countLimitProcess: async (id, ttlMs) => {
      await db
        .insertInto("limitProcesses")
        .values({ id, expiresAt: fromNow(ttlMs) })
        .onConflict((conflict) => conflict.column("id").doUpdateSet({ expiresAt: fromNow(ttlMs) }))
        .execute();
      await db.deleteFrom("limitProcesses").where("expiresAt", "<=", fromNow(0).$castTo<number>()).execute();
      const { rowCount } = await db
        .selectFrom("limitProcesses")
        .select(({ fn }) => fn.countAll<number>().as("rowCount"))
        .executeTakeFirstOrThrow();
      return rowCount;
    },
    addLimitReset: async (reset) => {
      await db
        .deleteFrom("limitResets")
        .where("at", "<", fromNow(-RESET_LIFE_MS).$castTo<number>())
        .execute();
      await db
        .insertInto("limitResets")
        .values({ ...reset, at: fromNow(0) })
        .execute();
    },
    limitResets: (withinMs) =>
      db
        .selectFrom("limitResets")
        .select(["id", "ruleId", "subject"])
        .where("at", ">", fromNow(-withinMs).$castTo<number>())
        .execute(),
  };
}
