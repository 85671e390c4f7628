import { z } from "zod";
import type { Operation } from "../../model/operation.ts";
import type { Policy, PolicyRecord, PolicyRule } from "../../model/policy.ts";
import type { PolicyChange } from "../../model/ports/store.ts";
import { checkConditions, found, idOf, pageOf, pageQuery, removed } from "../fields.ts";
import { hasText, inNamespace, isAsked, namespaceIdOf, searched, yesOrNo } from "../list-filter.ts";
import { pageWithManaged } from "../managed-page.ts";
import { namespaceNamed, slugOf } from "../namespaces/namespace-slug.ts";
import { checkOpensOwn } from "../own-rights.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute, tagged } from "../route.ts";
import {
  checkRule,
  managed,
  managedPolicyView,
  newPolicy,
  type PolicyView,
  policy,
  policyChange,
  policyEffect,
  storedPolicyView,
} from "./policy-body.ts";
import { checkTarget } from "./policy-routing.ts";

const readers = ["admin", "viewer"] as const;

const viewOf = (parts: AdminParts, row: PolicyRecord): PolicyView =>
  storedPolicyView(row, slugOf(parts, row.organizationId, row.namespaceId));
function ofFile(parts: AdminParts, { organizationId }: Operation): readonly Policy[] {
  const { policies, routing = [] } = parts.organization(organizationId) ?? {};
  return [...(policies?.all ?? []), ...routing].filter(({ source }) => source === "file");
}

function fileView(parts: AdminParts, { organizationId }: Operation, one: Policy): PolicyView {
  const { namespaceSlug = "" } = one;
  const namespace = parts.organization(organizationId)?.namespacesBySlug.get(namespaceSlug);
  return managedPolicyView(one, namespace?.id ?? null);
}

function notOfFile(parts: AdminParts, operation: Operation, id: string): string {
  managed(ofFile(parts, operation).find((one) => one.id === id));
  return id;
}
/** What the operation changes, for the record. */
function about(operation: Operation, parts: AdminParts, before: PolicyRecord): void {
  operation.target = `policy:${before.id}`;
  operation.namespaceId = before.namespaceId ?? undefined;
  operation.before = viewOf(parts, before);
}
function answerOf(view: PolicyView) {
  const { updated_at: updatedAt } = view;
  return updatedAt === null ? { body: view } : { ...tagged({ updated_at: updatedAt }), body: view };
}

/** A route opens the server that serves to whoever may use the called one. @throws GatewayError `exceeds_creator` */
function checkOpens(
  { principal }: Operation,
  { effect, route }: Pick<PolicyRule, "effect" | "route">,
  namespaceSlug: string | undefined,
): void {
  if (effect !== "route" || route === undefined) return;
  checkOpensOwn(principal, `${namespaceSlug === undefined ? "" : `${namespaceSlug}/`}${route.server}:*`);
}

export const policyRoutes = [
  defineRoute({
    id: "policies-list",
    method: "GET",
    path: "/policies",
    roles: readers,
    action: "policy.list",
    summary: "The organisation's policies, first those of the configuration file.",
    query: z.strictObject({
      effect: policyEffect.optional().describe("What they do."),
      namespace: inNamespace,
      active: yesOrNo("Whether they are in force."),
      search: searched("the name"),
      ...pageQuery,
    }),
    response: pageOf(policy),
    handle: async ({ operation, parts, query }) => {
      const { effect, namespace, active: isActive, search } = query;
      const { organizationId } = operation;
      const namespaceId = await namespaceIdOf(parts, organizationId, namespace);
      const filter = { effect, namespaceId, isActive, search };
      const fits = (one: Policy) =>
        isAsked(effect, one.effect) &&
        isAsked(namespace, one.namespaceSlug) &&
        isAsked(isActive, true) &&
        hasText(search, one.name);
      return {
        body: await pageWithManaged(query, {
          managed: ofFile(parts, operation).filter(fits),
          managedView: (one) => fileView(parts, operation, one),
          read: (page) => parts.store.policies.list(organizationId, page, filter),
          view: (row: PolicyRecord) => viewOf(parts, row),
        }),
      };
    },
  }),
  defineRoute({
    id: "policies-create",
    method: "POST",
    path: "/policies",
    roles: ["admin"],
    action: "policy.create",
    summary: "A new policy; in force at once.",
    body: newPolicy,
    status: 201,
    response: policy,
    refuses: ["already_exists", "managed_by_file", "exceeds_creator"],
    handle: async ({ operation, parts, body }) => {
      const { organizationId } = operation;
      checkRule(parts, body);
      checkOpens(operation, body, body.namespace);
      const { namespace: namespaceSlug, active, condition, ...rule } = body;
      const namespace =
        namespaceSlug === undefined ? undefined : await namespaceNamed(parts, organizationId, namespaceSlug);
      managed(ofFile(parts, operation).find(({ name }) => name === body.name));
      if (body.effect === "route" && active) {
        await parts.refresh();
        checkTarget(parts, operation, body, namespaceSlug);
      }
      const row = await parts.store.policies.create({
        ...rule,
        id: Bun.randomUUIDv7(),
        organizationId,
        namespaceId: namespace?.id ?? null,
        condition,
        isActive: active,
        createdBy: operation.principal.id,
      });
      operation.target = `policy:${row.id}`;
      operation.namespaceId = row.namespaceId ?? undefined;
      await parts.refresh();
      const view = viewOf(parts, row);
      operation.after = view;
      return answerOf(view);
    },
  }),
  defineRoute({
    id: "policies-get",
    method: "GET",
    path: "/policies/{id}",
    roles: readers,
    action: "policy.get",
    summary: "One policy.",
    response: policy,
    handle: async ({ operation, parts, params }) => {
      const id = idOf(params);
      const file = ofFile(parts, operation).find((one) => one.id === id);
      if (file !== undefined) return { body: fileView(parts, operation, file) };
      const row = found(await parts.store.policies.find(operation.organizationId, id));
      return answerOf(viewOf(parts, row));
    },
  }),
  defineRoute({
    id: "policies-update",
    method: "PUT",
    path: "/policies/{id}",
    roles: ["admin"],
    action: "policy.update",
    summary: "Changes what is given; `condition: null` and `route: null` remove it. In force at once.",
    body: policyChange,
    versioned: true,
    response: policy,
    refuses: ["already_exists", "managed_by_file", "exceeds_creator"],
    handle: async ({ operation, parts, params, body, headers }) => {
      const id = notOfFile(parts, operation, idOf(params));
      managed(ofFile(parts, operation).find(({ name }) => name === body.name));
      const { active, condition, route, ...rest } = body;
      const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
      const change: PolicyChange = {
        ...given,
        ...(active !== undefined && { isActive: active }),
        ...(condition !== undefined && { condition: condition ?? undefined }),
        ...(route !== undefined && { route: route ?? undefined }),
      };
      const { organizationId } = operation;
      // What is said of other things leaves a route that leads nowhere as it is.
      const isRouted = [body.route, body.effect, body.resources, body.active].some(
        (one) => one !== undefined,
      );
      if (isRouted) await parts.refresh();
      const row = found(
        await parts.store.policies.update(organizationId, id, (before) => {
          about(operation, parts, before);
          checkConditions(headers, before);
          const rule = { ...before, ...change };
          checkRule(parts, rule);
          const namespaceSlug = slugOf(parts, organizationId, before.namespaceId) ?? undefined;
          checkOpens(operation, rule, namespaceSlug);
          if (isRouted && rule.isActive) checkTarget(parts, operation, rule, namespaceSlug);
          return change;
        }),
      );
      await parts.refresh();
      const view = viewOf(parts, row);
      operation.after = view;
      return answerOf(view);
    },
  }),
  defineRoute({
    id: "policies-delete",
    method: "DELETE",
    path: "/policies/{id}",
    roles: ["admin"],
    action: "policy.delete",
    summary: "Removes it; no longer in force at once.",
    status: 204,
    versioned: true,
    refuses: ["managed_by_file"],
    handle: async ({ operation, parts, params, headers }) => {
      const id = notOfFile(parts, operation, idOf(params));
      removed(
        await parts.store.policies.remove(operation.organizationId, id, (before) => {
          about(operation, parts, before);
          checkConditions(headers, before);
        }),
      );
      await parts.refresh();
      return {};
    },
  }),
];
