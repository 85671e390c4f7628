import { z } from "zod";
import { storedLimit } from "../../config/compile-limits.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import { type LimitRule, periodOf } from "../../model/limit-rule.ts";
import type { LimitStanding } from "../../model/ports/limiter.ts";
import type { LimitUsage } from "../../model/rate-limit-record.ts";
import { isOfTenant } from "../../policy/limit/demands.ts";
import {
  cursorOf,
  found,
  idOf,
  instant,
  pageOf,
  pageQuery,
  placeIn,
  storableText,
  timeOf,
} from "../fields.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute } from "../route.ts";
import { usage } from "./rate-limit-view.ts";

/** A rule in force or stored, as the limiter knows it. */
async function ruleOf(
  { organization, store }: AdminParts,
  organizationId: string,
  id: string,
): Promise<LimitRule> {
  const inForce = organization(organizationId)?.limits?.find((one) => one.id === id);
  return inForce ?? storedLimit(found(await store.rateLimits.find(organizationId, id)));
}

/** Counts over all organisations are the operator's to see. */
function ownerOf(limit: LimitRule, own: string, isOperator: boolean): string | null | undefined {
  if (isOfTenant(limit)) return own;
  return isOperator ? null : undefined;
}

function usageView(
  now: number,
  limit: LimitRule,
  row: LimitUsage,
  counted: LimitStanding | undefined,
): z.input<typeof usage> {
  const { start, end } = periodOf(row.period, now);
  const isNow = row.periodStart === start;
  const standing = counted ?? { used: row.admitted, resetMs: end - now };
  return {
    subject: row.subject,
    period: row.period,
    period_start: timeOf(row.periodStart),
    admitted: row.admitted,
    refused: row.refused,
    used: isNow ? standing.used : null,
    limit: limit.limit,
    resets_in_seconds: isNow ? Math.ceil(standing.resetMs / 1_000) : null,
  };
}

/** What a list of usage may be narrowed to, and where a page of it ends. */
const subjectText = storableText(1_000);
const place = z.tuple([instant, subjectText]);
function placeOf(cursor: string | undefined): Pick<LimitUsage, "periodStart" | "subject"> | undefined {
  if (cursor === undefined) return undefined;
  const [periodStart, subject] = placeIn(place, cursor);
  return { periodStart, subject };
}

export const rateLimitUsageRoutes = [
  defineRoute({
    id: "rate-limits-usage",
    method: "GET",
    path: "/api/admin/rate-limits/{id}/usage",
    roles: ["admin"],
    action: "rate_limit.usage",
    summary: "What was admitted and refused by day (or month, of monthly quotas), and what is used now.",
    query: z.strictObject({
      subject: subjectText.min(1).optional().describe("Of one alone, as the list names it."),
      ...pageQuery,
    }),
    response: pageOf(usage),
    handle: async ({ operation: { organizationId, principal }, parts, params, query }) => {
      const limit = await ruleOf(parts, organizationId, idOf(params));
      const owner = ownerOf(limit, organizationId, principal.platformAdmin);
      if (owner === undefined) return { body: { items: [], next_cursor: null } };
      await parts.limits.flush();
      const rows = await parts.store.rateLimits.usage(owner, limit.id, {
        limit: query.limit,
        subject: query.subject,
        after: placeOf(query.cursor),
      });
      const last = rows.length === query.limit ? rows.at(-1) : undefined;
      const counted =
        limit.algorithm === "quota"
          ? []
          : await parts.limits.standings(
              limit,
              rows.map(({ subject }) => subject),
            );
      const now = parts.clock.now();
      const items = rows.map((row, index) => usageView(now, limit, row, counted[index]));
      const next = last === undefined ? null : cursorOf([last.periodStart, last.subject]);
      return { body: { items, next_cursor: next } };
    },
  }),
  defineRoute({
    id: "rate-limits-reset",
    method: "POST",
    path: "/api/admin/rate-limits/{id}/reset",
    roles: ["admin"],
    action: "rate_limit.reset",
    summary: "Forgets what was counted, of one subject or of all. Calls under way stay counted.",
    body: z.strictObject({ subject: subjectText.optional() }),
    status: 204,
    handle: async ({ operation, parts, params, body: { subject } }) => {
      const { organizationId, principal } = operation;
      const limit = await ruleOf(parts, organizationId, idOf(params));
      operation.target = `rate_limit:${limit.id}`;
      // A rule of the gateway counts others too.
      if (limit.organizationId === undefined && !principal.platformAdmin) throw new GatewayError("forbidden");
      const owner = ownerOf(limit, organizationId, principal.platformAdmin) ?? null;
      await parts.limits.reset(limit, subject);
      await parts.store.rateLimits.forgetUsage(owner, limit.id, subject);
      if (limit.source === "store" && subject === undefined) {
        await parts.store.rateLimits.update(organizationId, limit.id, { resetAt: parts.clock.now() });
        await parts.refresh();
      }
      return {};
    },
  }),
];
