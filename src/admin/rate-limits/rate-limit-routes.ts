import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import {
  LIMIT_DIMENSIONS,
  LIMIT_MAX,
  type LimitRule,
  limitRuleFault,
  periodOf,
  WINDOW_SECONDS_MAX,
} from "../../model/limit-rule.ts";
import type { LimitStanding } from "../../model/ports/limiter.ts";
import type { LimitUsage, RateLimitRecord } from "../../model/rate-limit-record.ts";
import {
  checkIfMatch,
  cursorFault,
  found,
  idOf,
  instant,
  note,
  pageOf,
  pageQuery,
  removed,
  slug,
  timeOf,
  withoutNul,
} from "../fields.ts";
import { hasText, inNamespace, isAsked, namespaceIdOf, searched, yesOrNo } from "../list-filter.ts";
import { pageWithManaged } from "../managed-page.ts";
import { namespaceNamed, slugOf } from "../namespaces/namespace-slug.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute, tagged } from "../route.ts";
import { limitName, managedView, match, rateLimit, storedView, usage } from "./rate-limit-view.ts";

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
const newRule = z.strictObject({
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
const change = z.strictObject(rule).partial();

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

function fieldsOf(body: Omit<z.output<typeof newRule>, "namespace">): Fields {
  const { window_seconds, active, per, ...rest } = body;
  return { ...rest, per: [...new Set(per)], windowSeconds: window_seconds ?? 0, isActive: active };
}

/** The rule as it is after a change of what is given. */
function changedFields(before: RateLimitRecord, given: z.output<typeof change>): Fields {
  const { active = before.isActive, window_seconds: windowSeconds = before.windowSeconds, ...rest } = given;
  const members = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const {
    name,
    description,
    per,
    match: written,
    algorithm,
    limit,
    burst,
    period,
  } = { ...before, ...members };
  const fields = { name, description, per, match: written, algorithm, limit, burst, period };
  return { ...fields, windowSeconds: windowSeconds ?? 0, isActive: active };
}

/** What the members do not say of each other. @throws GatewayError `invalid_request` */
function check(fields: Fields): void {
  const { windowSeconds, burst, period } = fields;
  const fault = limitRuleFault({
    ...fields,
    windowMs: windowSeconds * 1_000,
    burst: burst ?? undefined,
    period: period ?? undefined,
  });
  if (fault === undefined) return;
  const member = fault.member === "window" ? "window_seconds" : fault.member;
  throw new GatewayError("invalid_request", { detail: `${member}: must be ${fault.expected}` });
}

const viewOf = (parts: AdminParts, row: RateLimitRecord) =>
  storedView(row, slugOf(parts, row.organizationId, row.namespaceId));

function managed(parts: AdminParts, organizationId: string): readonly LimitRule[] {
  return (parts.organization(organizationId)?.limits ?? []).filter(({ source }) => source === "file");
}
function refuseManaged(parts: AdminParts, organizationId: string, id: string): void {
  if (managed(parts, organizationId).some((one) => one.id === id)) {
    throw new GatewayError("managed_by_file", { what: "The rate limit" });
  }
}

/** A rule in force or stored, as the limiter knows it. */
async function ruleOf(parts: AdminParts, organizationId: string, id: string): Promise<LimitRule> {
  const inForce = parts.organization(organizationId)?.limits?.find((one) => one.id === id);
  if (inForce !== undefined) return inForce;
  const { windowSeconds, burst, period, namespaceId, resetAt, ...row } = found(
    await parts.store.rateLimits.find(organizationId, id),
  );
  return {
    ...row,
    namespaceId: namespaceId ?? undefined,
    windowMs: windowSeconds * 1_000,
    burst: burst ?? undefined,
    period: period ?? undefined,
    resetAt: resetAt ?? undefined,
    source: "store",
  };
}

/** Counts over all organisations are the operator's to see. */
function ownerOf(
  { organizationId, per }: LimitRule,
  own: string,
  isOperator: boolean,
): string | null | undefined {
  if (organizationId !== undefined || per.some((dimension) => dimension !== "ip")) return own;
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

const cursor = z.tuple([instant, z.string().refine(...withoutNul)]);
function usageCursor(text: string | undefined): Pick<LimitUsage, "periodStart" | "subject"> | undefined {
  if (text === undefined) return undefined;
  try {
    const [periodStart, subject] = cursor.parse(JSON.parse(Buffer.from(text, "base64url").toString()));
    return { periodStart, subject };
  } catch (cause) {
    throw cursorFault(cause);
  }
}

const readers = ["admin", "user", "viewer"] as const;

export const rateLimitRoutes = [
  defineRoute({
    id: "rate-limits-list",
    method: "GET",
    path: "/api/admin/rate-limits",
    roles: readers,
    action: "rate_limit.list",
    summary: "The rules in force, first those of the configuration file.",
    query: z.strictObject({
      algorithm: rateLimit.shape.algorithm.optional().describe("How they count."),
      namespace: inNamespace,
      active: yesOrNo("Whether they are in force."),
      search: searched("the name"),
      ...pageQuery,
    }),
    response: pageOf(rateLimit),
    handle: async ({ operation: { organizationId }, parts, query }) => {
      const { algorithm, active: isActive, search } = query;
      const namespaceId = await namespaceIdOf(parts, organizationId, query.namespace);
      const filter = { algorithm, namespaceId, isActive, search };
      const fits = (rule: LimitRule) =>
        isAsked(algorithm, rule.algorithm) &&
        isAsked(namespaceId, rule.namespaceId) &&
        isAsked(isActive, true) &&
        hasText(search, rule.name);
      return {
        body: await pageWithManaged(query, {
          managed: managed(parts, organizationId).filter(fits),
          managedView,
          read: (page) => parts.store.rateLimits.list(organizationId, page, filter),
          view: (row: RateLimitRecord) => viewOf(parts, row),
        }),
      };
    },
  }),
  defineRoute({
    id: "rate-limits-create",
    method: "POST",
    path: "/api/admin/rate-limits",
    roles: ["admin"],
    action: "rate_limit.create",
    summary: "A new rule, in force at once.",
    body: newRule,
    status: 201,
    response: rateLimit,
    refuses: ["already_exists"],
    handle: async ({ operation, parts, body: { namespace: named, ...body } }) => {
      const { organizationId } = operation;
      const fields = fieldsOf(body);
      check(fields);
      const namespace = named === undefined ? undefined : await namespaceNamed(parts, organizationId, named);
      const row = await parts.store.rateLimits.create({
        ...fields,
        id: Bun.randomUUIDv7(),
        organizationId,
        namespaceId: namespace?.id ?? null,
        createdBy: operation.principal.id,
      });
      operation.target = `rate_limit:${row.id}`;
      const view = viewOf(parts, row);
      operation.after = view;
      await parts.refresh();
      return tagged(view);
    },
  }),
  defineRoute({
    id: "rate-limits-get",
    method: "GET",
    path: "/api/admin/rate-limits/{id}",
    roles: readers,
    action: "rate_limit.get",
    summary: "One rule.",
    response: rateLimit,
    handle: async ({ operation: { organizationId }, parts, params }) => {
      const id = idOf(params);
      const file = managed(parts, organizationId).find((one) => one.id === id);
      if (file !== undefined) return { body: managedView(file) };
      return tagged(viewOf(parts, found(await parts.store.rateLimits.find(organizationId, id))));
    },
  }),
  defineRoute({
    id: "rate-limits-update",
    method: "PUT",
    path: "/api/admin/rate-limits/{id}",
    roles: ["admin"],
    action: "rate_limit.update",
    summary: "Changes what is given. What was counted stays where window and algorithm stay.",
    body: change,
    versioned: true,
    response: rateLimit,
    refuses: ["already_exists", "managed_by_file"],
    handle: async ({ operation, parts, params, body, headers }) => {
      const { organizationId } = operation;
      const id = idOf(params);
      refuseManaged(parts, organizationId, id);
      const row = await parts.store.rateLimits.update(organizationId, id, (before) => {
        operation.target = `rate_limit:${id}`;
        checkIfMatch(headers, before);
        operation.before = viewOf(parts, before);
        const next = changedFields(before, body);
        check(next);
        return next;
      });
      const view = viewOf(parts, found(row));
      operation.after = view;
      await parts.refresh();
      return tagged(view);
    },
  }),
  defineRoute({
    id: "rate-limits-delete",
    method: "DELETE",
    path: "/api/admin/rate-limits/{id}",
    roles: ["admin"],
    action: "rate_limit.delete",
    summary: "Deletes it with its usage.",
    status: 204,
    versioned: true,
    refuses: ["managed_by_file"],
    handle: async ({ operation, parts, params, headers }) => {
      const { organizationId } = operation;
      const id = idOf(params);
      refuseManaged(parts, organizationId, id);
      removed(
        await parts.store.rateLimits.remove(organizationId, id, (before) => {
          operation.target = `rate_limit:${id}`;
          checkIfMatch(headers, before);
          operation.before = viewOf(parts, before);
        }),
      );
      await parts.refresh();
      return {};
    },
  }),
  defineRoute({
    id: "rate-limits-usage",
    method: "GET",
    path: "/api/admin/rate-limits/{id}/usage",
    roles: ["admin"],
    action: "rate_limit.usage",
    summary: "What was admitted and refused by day (or month, of monthly quotas), and what is used now.",
    query: z.strictObject({
      subject: z
        .string()
        .min(1)
        .max(1_000)
        .refine(...withoutNul)
        .optional()
        .describe("Of one alone, as the list names it."),
      ...pageQuery,
    }),
    response: pageOf(usage),
    handle: async ({ operation: { organizationId, principal }, parts, params, query }) => {
      const limit = await ruleOf(parts, organizationId, idOf(params));
      const owner = ownerOf(limit, organizationId, principal.platformAdmin);
      if (owner === undefined) return { body: { items: [], next_cursor: null } };
      await parts.limits.flush();
      const after = usageCursor(query.cursor);
      const rows = await parts.store.rateLimits.usage(owner, limit.id, {
        limit: query.limit,
        subject: query.subject,
        ...(after !== undefined && { after }),
      });
      const last = rows.length === query.limit ? rows.at(-1) : undefined;
      const next =
        last && Buffer.from(JSON.stringify([last.periodStart, last.subject])).toString("base64url");
      const counted =
        limit.algorithm === "quota"
          ? []
          : await parts.limits.standings(
              limit,
              rows.map(({ subject }) => subject),
            );
      const now = parts.clock.now();
      const items = rows.map((row, index) => usageView(now, limit, row, counted[index]));
      return { body: { items, next_cursor: next ?? null } };
    },
  }),
  defineRoute({
    id: "rate-limits-reset",
    method: "POST",
    path: "/api/admin/rate-limits/{id}/reset",
    roles: ["admin"],
    action: "rate_limit.reset",
    summary: "Forgets what was counted, of one subject or of all. Calls under way stay counted.",
    body: z.strictObject({
      subject: z
        .string()
        .max(1_000)
        .refine(...withoutNul)
        .optional(),
    }),
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
