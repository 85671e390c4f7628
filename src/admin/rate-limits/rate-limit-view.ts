import { z } from "zod";
import {
  LIMIT_DIMENSIONS,
  LIMIT_NAME_EXPECTED,
  LIMIT_NAME_PATTERN,
  type LimitMatch,
  type LimitRule,
  type QuotaPeriod,
  RATE_ALGORITHMS,
} from "../../model/limit-rule.ts";
import type { RateLimitRecord } from "../../model/rate-limit-record.ts";
import { note, slug, time, timeOf, uuid } from "../fields.ts";

const dimension = z.enum(LIMIT_DIMENSIONS);
const period = z.enum(["day", "month"]) satisfies z.ZodType<QuotaPeriod>;
const patterns = z.array(z.string().min(1).max(512)).min(1).max(100);
export const limitName = z.string().regex(LIMIT_NAME_PATTERN, `must be ${LIMIT_NAME_EXPECTED}`);
/** What a call must fit; an organisation's own rule speaks of no other. */
export const match = z.partialRecord(dimension.exclude(["organization"]), patterns);

export const rateLimit = z
  .object({
    id: uuid,
    name: z.string(),
    description: note,
    namespace: slug.nullable(),
    namespace_id: uuid.nullable(),
    per: z.array(dimension),
    match: z.partialRecord(dimension, z.array(z.string())),
    algorithm: z.enum([...RATE_ALGORITHMS, "quota"]),
    limit: z.number().int(),
    window_seconds: z.number().nullable(),
    burst: z.number().int().nullable(),
    period: period.nullable(),
    active: z.boolean(),
    managed: z.boolean().describe("Of the configuration file: it cannot be changed here."),
    created_at: time.nullable(),
    updated_at: time.nullable(),
  })
  .meta({ id: "RateLimit" });

function matchView(written: LimitMatch): Record<string, string[]> {
  return Object.fromEntries(Object.entries(written).map(([name, list]) => [name, [...(list ?? [])]]));
}

export function storedView(
  row: RateLimitRecord,
  namespace: string | null,
): z.input<typeof rateLimit> & { updated_at: string } {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    namespace,
    namespace_id: row.namespaceId,
    per: [...row.per],
    match: matchView(row.match),
    algorithm: row.algorithm,
    limit: row.limit,
    window_seconds: row.windowSeconds === 0 ? null : row.windowSeconds,
    burst: row.burst,
    period: row.period,
    active: row.isActive,
    managed: false,
    created_at: timeOf(row.createdAt),
    updated_at: timeOf(row.updatedAt),
  };
}

export function managedView(rule: LimitRule): z.input<typeof rateLimit> {
  return {
    id: rule.id,
    name: rule.name,
    description: rule.description,
    namespace: null,
    namespace_id: null,
    per: [...rule.per],
    match: matchView(rule.match),
    algorithm: rule.algorithm,
    limit: rule.limit,
    window_seconds: rule.windowMs === 0 ? null : rule.windowMs / 1_000,
    burst: rule.burst ?? null,
    period: rule.period ?? null,
    active: true,
    managed: true,
    created_at: null,
    updated_at: null,
  };
}

export const usage = z
  .object({
    subject: z
      .string()
      .describe("The values of the rule's dimensions, joined by `|`; empty where it has none."),
    period,
    period_start: time,
    admitted: z.number().int(),
    refused: z.number().int(),
    used: z.number().int().nullable().describe("Of the limit, now; null for periods that are over."),
    limit: z.number().int(),
    resets_in_seconds: z.number().int().nullable(),
  })
  .meta({ id: "RateLimitUsage" });
