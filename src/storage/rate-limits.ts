import type { Insertable, Kysely, Selectable, Updateable } from "kysely";
import { z } from "zod";
import { LIMIT_DIMENSIONS, type LimitDimension } from "../model/limit-rule.ts";
import type { NewRateLimit, RateLimitChange, RateLimits } from "../model/ports/rate-limits.ts";
import type { RateLimitRecord } from "../model/rate-limit-record.ts";
import { changeOf, configWrite } from "./config-version.ts";
import { stampAfter } from "./instant.ts";
import { checked, textList } from "./json-column.ts";
import { containing, holding, type ListEngine, listedFrom } from "./list-filter.ts";
import { equals } from "./null-column.ts";
import { limitOf, pageOf } from "./page.ts";
import type { Schema } from "./schema.ts";

type Row = Selectable<Schema["rateLimits"]>;

const patterns = z.partialRecord(z.enum(LIMIT_DIMENSIONS), textList);

export function rateLimitRecord({
  scope,
  target: _unused,
  limitCount,
  filters,
  ...row
}: Row): RateLimitRecord {
  const per = scope.split("+").filter((word): word is LimitDimension => word !== "");
  return { ...row, per, limit: limitCount, match: filters };
}

function columnsOf(change: RateLimitChange): Updateable<Schema["rateLimits"]> {
  const { per, match, limit, resetAt, ...rest } = change;
  return {
    ...rest,
    ...(per !== undefined && { scope: per.join("+") }),
    ...(limit !== undefined && { limitCount: limit }),
    ...(match !== undefined && { filters: checked(patterns, "match", match) }),
    ...(resetAt !== undefined && { resetAt: resetAt === null ? null : new Date(resetAt) }),
  };
}

function rowOf(rule: NewRateLimit): Insertable<Schema["rateLimits"]> {
  const now = new Date();
  const { per, match, limit, ...rest } = rule;
  return {
    ...rest,
    scope: per.join("+"),
    target: null,
    limitCount: limit,
    filters: checked(patterns, "match", match),
    resetAt: null,
    createdAt: now,
    updatedAt: now,
  };
}

export function rateLimitStore(engine: ListEngine): RateLimits {
  const { db } = engine;
  const within = (organizationId: string, from: Kysely<Schema> = db) =>
    from.selectFrom("rateLimits").selectAll().where("organizationId", "=", organizationId);
  const find = async (organizationId: string, id: string, from: Kysely<Schema> = db) => {
    const row = await within(organizationId, from).where("id", "=", id).executeTakeFirst();
    return row && rateLimitRecord(row);
  };
  return {
    create: async (rule) => {
      const row = rowOf(rule);
      await configWrite(db, rule.organizationId, async (transaction) => {
        await transaction.insertInto("rateLimits").values(row).execute();
        return true;
      });
      return rateLimitRecord(
        await within(rule.organizationId).where("id", "=", rule.id).executeTakeFirstOrThrow(),
      );
    },
    find: (organizationId, id) => find(organizationId, id),
    list: async (organizationId, page, filter = {}) => {
      const { after, limit } = pageOf(page);
      const { search, ...values } = filter;
      const rows = await within(organizationId, listedFrom(engine, filter))
        .where("id", ">", after)
        .where(holding<"rateLimits">(values))
        .where(containing(["name"], search))
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(rateLimitRecord);
    },
    update: async (organizationId, id, change) => {
      const isChanged = await configWrite(db, organizationId, async (transaction) => {
        const row = await find(organizationId, id, transaction);
        if (row === undefined) return false;
        await transaction
          .updateTable("rateLimits")
          .set({ ...columnsOf(changeOf(change, row)), updatedAt: stampAfter(row.updatedAt) })
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
          .deleteFrom("rateLimits")
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .execute();
        await transaction.deleteFrom("rateLimitUsage").where("ruleId", "=", id).execute();
        return true;
      }),
    usage: (organizationId, ruleId, page = {}) => {
      let query = db
        .selectFrom("rateLimitUsage")
        .select(["ruleId", "subject", "period", "periodStart", "organizationId", "admitted", "refused"])
        .where("organizationId", equals(organizationId), organizationId)
        .where("ruleId", "=", ruleId)
        .orderBy("periodStart", "desc")
        .orderBy("subject")
        .limit(limitOf(page.limit));
      const { after, subject } = page;
      if (subject !== undefined) query = query.where("subject", "=", subject);
      if (after !== undefined) {
        const start = new Date(after.periodStart);
        query = query.where(({ or, and, eb }) =>
          or([
            eb("periodStart", "<", start as never),
            and([eb("periodStart", "=", start as never), eb("subject", ">", after.subject)]),
          ]),
        );
      }
      return query.execute();
    },
    forgetUsage: async (organizationId, ruleId, subject) => {
      let query = db
        .deleteFrom("rateLimitUsage")
        .where("organizationId", equals(organizationId), organizationId)
        .where("ruleId", "=", ruleId);
      if (subject !== undefined) query = query.where("subject", "=", subject);
      await query.execute();
    },
  };
}
