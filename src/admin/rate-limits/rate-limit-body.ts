import { z } from "zod";
import { LIMIT_DIMENSIONS, LIMIT_MAX, limitRuleFault, WINDOW_SECONDS_MAX } from "../../model/limit-rule.ts";
import type { RateLimitRecord } from "../../model/rate-limit-record.ts";
import { membersRefused } from "../checked.ts";
import { note, slug } from "../fields.ts";
import { limitName, match, rateLimit } from "./rate-limit-view.ts";

const rule = {
  name: limitName,
  description: note,
  per: z.array(z.enum(LIMIT_DIMENSIONS)).max(LIMIT_DIMENSIONS.length),
  match,
  algorithm: rateLimit.shape.algorithm,
  limit: z.int().min(1).max(LIMIT_MAX),
  window_seconds: z.int().min(1).max(WINDOW_SECONDS_MAX).nullable(),
  burst: z.int().min(1).max(LIMIT_MAX).nullable(),
  period: rateLimit.shape.period,
  active: z.boolean(),
};
/** Of a new rule. */
export const newRule = z.strictObject({
  ...rule,
  description: note.default(""),
  per: rule.per.default([]),
  match: match.default({}),
  algorithm: rule.algorithm.default("sliding_window"),
  window_seconds: rule.window_seconds.default(null),
  burst: rule.burst.default(null),
  period: rule.period.default(null),
  active: z.boolean().default(true),
  namespace: slug.optional().describe("The one namespace whose calls it counts; every one without it."),
});
/** Of a change: what is given. */
export const change = z.strictObject(rule).partial();

type Fields = Pick<
  RateLimitRecord,
  | "name"
  | "description"
  | "per"
  | "match"
  | "algorithm"
  | "limit"
  | "windowSeconds"
  | "burst"
  | "period"
  | "isActive"
>;

/** As a body spells them. */
type Written = Omit<Fields, "windowSeconds" | "isActive"> & {
  readonly window_seconds: number | null;
  readonly active: boolean;
};

export function fieldsOf({ window_seconds, active, per, ...rest }: Written): Fields {
  return { ...rest, per: [...new Set(per)], windowSeconds: window_seconds ?? 0, isActive: active };
}

/** The rule as it is after a change of what is given. */
export function changedFields(before: RateLimitRecord, given: z.output<typeof change>): Fields {
  const {
    name = before.name,
    description = before.description,
    per = before.per,
    match: written = before.match,
    algorithm = before.algorithm,
    limit = before.limit,
    window_seconds = before.windowSeconds,
    burst = before.burst,
    period = before.period,
    active = before.isActive,
  } = given;
  const fields = { name, description, per, match: written, algorithm, limit, burst, period };
  return fieldsOf({ ...fields, window_seconds, active });
}

/** What the members do not say of each other. @throws GatewayError `invalid_request` */
export function check(fields: Fields): void {
  const { windowSeconds, burst, period } = fields;
  const fault = limitRuleFault({
    ...fields,
    windowMs: windowSeconds * 1_000,
    burst: burst ?? undefined,
    period: period ?? undefined,
  });
  if (fault === undefined) return;
  const member = fault.member === "window" ? "window_seconds" : fault.member;
  throw membersRefused({ path: member, message: `must be ${fault.expected}` });
}
