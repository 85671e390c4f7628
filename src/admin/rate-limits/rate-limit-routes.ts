import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { LimitRule } from "../../model/limit-rule.ts";
import type { RateLimitRecord } from "../../model/rate-limit-record.ts";
import { checkConditions, found, idOf, pageOf, pageQuery, removed } from "../fields.ts";
import { hasText, inNamespace, isAsked, namespaceIdOf, searched, yesOrNo } from "../list-filter.ts";
import { pageWithManaged } from "../managed-page.ts";
import { namespaceNamed, slugOf } from "../namespaces/namespace-slug.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute, tagged } from "../route.ts";
import { change, changedFields, check, fieldsOf, newRule } from "./rate-limit-body.ts";
import { managedView, rateLimit, storedView } from "./rate-limit-view.ts";

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
        checkConditions(headers, before);
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
          checkConditions(headers, before);
          operation.before = viewOf(parts, before);
        }),
      );
      await parts.refresh();
      return {};
    },
  }),
];
