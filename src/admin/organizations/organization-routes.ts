import { z } from "zod";
import { DEFAULT_SLUG } from "../../config/identity.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { Organization } from "../../model/tenancy.ts";
import {
  checkConditions,
  found,
  idOf,
  label,
  pageAnswer,
  pageOf,
  pageQuery,
  pageRequest,
  removed,
  slug,
  time,
  timeOf,
  uuid,
} from "../fields.ts";
import { hasText, isAsked, searched, yesOrNo } from "../list-filter.ts";
import { defineRoute, tagged } from "../route.ts";

const limits = {
  plan: z.string().min(1).max(64),
  max_servers: z.int().min(0).max(100_000),
  max_sessions: z.int().min(0).max(1_000_000),
  log_retention_days: z.int().min(1).max(3_650),
};
export const organization = z
  .object({ id: uuid, slug, name: label, ...limits, active: z.boolean(), created_at: time, updated_at: time })
  .meta({ id: "Organization" });
const organizationInUse = organization
  .extend({
    in_use: z
      .object({ servers: z.number(), sessions: z.number() })
      .describe("Of its maxima: servers registered over HTTP, active sessions of older clients."),
  })
  .meta({ id: "OrganizationInUse" });
const newOrganization = z.strictObject({
  slug,
  name: label,
  plan: limits.plan.default("free"),
  max_servers: limits.max_servers.default(10),
  max_sessions: limits.max_sessions.default(100),
  log_retention_days: limits.log_retention_days.default(7),
});
const change = z.strictObject({ name: label, ...limits, active: z.boolean() }).partial();

/** Nobody takes away what they stand on, nor where the configuration file's servers and the command line are at home. */
function checkIsDispensable({ organizationId }: Operation, { id, slug: name }: Organization): void {
  if (id === organizationId) throw new GatewayError("conflict", { detail: "it is your own organisation" });
  if (name === DEFAULT_SLUG)
    throw new GatewayError("conflict", { detail: "the installation keeps its organisation default" });
}

export function organizationView(row: Organization): z.input<typeof organization> {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    plan: row.plan,
    max_servers: row.maxServers,
    max_sessions: row.maxSessions,
    log_retention_days: row.logRetentionDays,
    active: row.isActive,
    created_at: timeOf(row.createdAt),
    updated_at: timeOf(row.updatedAt),
  };
}

/** Other organisations than one's own are the platform administrator's to know. */
const mayKnow = ({ principal }: Operation, id: string): boolean =>
  principal.platformAdmin || principal.organizationId === id;

/** An administrator reads its own organisation; everything else is the platform administrator's. */
export const organizationRoutes = [
  defineRoute({
    id: "organizations-list",
    method: "GET",
    path: "/api/admin/organizations",
    roles: ["admin"],
    scope: "installation",
    action: "organization.list",
    summary: "All organisations to platform administrators, to others their own.",
    query: z.strictObject({
      active: yesOrNo("Whether they are served."),
      search: searched("slug or name"),
      ...pageQuery,
    }),
    response: pageOf(organization),
    handle: async ({ operation, parts: { store }, query }) => {
      const page = pageRequest(query);
      const { active: isActive, search } = query;
      const { platformAdmin, organizationId } = operation.principal;
      if (platformAdmin) {
        const rows = await store.acrossTenants.organizations(page, { isActive, search });
        return { body: pageAnswer(rows, query.limit, organizationView) };
      }
      const isBehind = page.after !== undefined && page.after >= organizationId;
      const own = isBehind ? undefined : await store.organizations.find(organizationId);
      const fits =
        own !== undefined && isAsked(isActive, own.isActive) && hasText(search, own.slug, own.name);
      return { body: pageAnswer(fits ? [own] : [], query.limit, organizationView) };
    },
  }),
  defineRoute({
    id: "organizations-create",
    method: "POST",
    path: "/api/admin/organizations",
    access: "operator",
    action: "organization.create",
    summary: "A new organisation, with a namespace `default`.",
    body: newOrganization,
    status: 201,
    response: organization,
    refuses: ["already_exists"],
    handle: async ({ operation, parts, body }) => {
      const { store } = parts;
      const row = await store.organizations.create({
        id: Bun.randomUUIDv7(),
        slug: body.slug,
        name: body.name,
        plan: body.plan,
        maxServers: body.max_servers,
        maxSessions: body.max_sessions,
        logRetentionDays: body.log_retention_days,
      });
      operation.target = `organization:${row.id}`;
      await store.namespaces.create({
        id: Bun.randomUUIDv7(),
        organizationId: row.id,
        slug: "default",
        name: "Default",
      });
      const view = organizationView(row);
      operation.after = view;
      await parts.refresh();
      return tagged(view);
    },
  }),
  defineRoute({
    id: "organizations-get",
    method: "GET",
    path: "/api/admin/organizations/{id}",
    roles: ["admin"],
    scope: "installation",
    action: "organization.get",
    summary:
      "One organisation, and what it uses of its maxima; to others than platform administrators their own.",
    response: organizationInUse,
    handle: async ({ operation, parts: { store }, params }) => {
      const id = idOf(params);
      const row = found(mayKnow(operation, id) ? await store.organizations.find(id) : undefined);
      const [servers, sessions] = await Promise.all([store.servers.count(id), store.sessions.count(id)]);
      const view = organizationView(row);
      return { ...tagged(view), body: { ...view, in_use: { servers, sessions } } };
    },
  }),
  defineRoute({
    id: "organizations-update",
    method: "PUT",
    path: "/api/admin/organizations/{id}",
    access: "operator",
    action: "organization.update",
    summary: "Changes what is given; `active: false` ends its service at once.",
    body: change,
    versioned: true,
    refuses: ["conflict"],
    response: organization,
    handle: async ({ operation, parts, params, body, headers }) => {
      const id = idOf(params);
      operation.target = `organization:${id}`;
      const row = found(
        await parts.store.organizations.update(id, (before) => {
          checkConditions(headers, before);
          if (body.active === false) checkIsDispensable(operation, before);
          operation.before = organizationView(before);
          return {
            ...(body.name !== undefined && { name: body.name }),
            ...(body.plan !== undefined && { plan: body.plan }),
            ...(body.max_servers !== undefined && { maxServers: body.max_servers }),
            ...(body.max_sessions !== undefined && { maxSessions: body.max_sessions }),
            ...(body.log_retention_days !== undefined && { logRetentionDays: body.log_retention_days }),
            ...(body.active !== undefined && { isActive: body.active }),
          };
        }),
      );
      if (body.active !== undefined) parts.credentialsChanged("all");
      const view = organizationView(row);
      operation.after = view;
      await parts.refresh();
      return tagged(view);
    },
  }),
  defineRoute({
    id: "organizations-delete",
    method: "DELETE",
    path: "/api/admin/organizations/{id}",
    access: "operator",
    action: "organization.delete",
    summary:
      "Deletes it with its namespaces, users, keys and servers; its log records stay until they expire.",
    status: 204,
    versioned: true,
    refuses: ["conflict"],
    handle: async ({ operation, parts, params, headers }) => {
      const id = idOf(params);
      operation.target = `organization:${id}`;
      removed(
        await parts.store.organizations.remove(id, (before) => {
          checkConditions(headers, before);
          checkIsDispensable(operation, before);
          operation.before = organizationView(before);
        }),
      );
      parts.credentialsChanged("all");
      await parts.refresh();
      return {};
    },
  }),
];
