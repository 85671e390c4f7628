import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { Namespace } from "../../model/tenancy.ts";
import {
  checkConditions,
  found,
  idOf,
  label,
  metadata,
  note,
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
import { searched } from "../list-filter.ts";
import { defineRoute, tagged } from "../route.ts";
import { serverQuery, storedServers } from "../servers/server-list.ts";
import { server, storedView } from "../servers/server-view.ts";
import { pageOfSessions, session, sessionQuery } from "../sessions/session-routes.ts";

const separator = z.string().regex(/^[A-Za-z0-9_.-]{1,4}$/, "must be 1 to 4 of A-Z, a-z, 0-9, _, . and -");
export const namespace = z
  .object({
    id: uuid,
    slug,
    name: label,
    description: note,
    separator,
    metadata,
    created_at: time,
    updated_at: time,
  })
  .meta({ id: "Namespace" });
const newNamespace = z.strictObject({
  slug,
  name: label.optional(),
  description: note.default(""),
  separator: separator.default("__"),
  metadata: metadata.default({}),
});
const change = z.strictObject({ name: label, description: note, separator, metadata }).partial();

export function namespaceView(row: Namespace): z.input<typeof namespace> {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    description: row.description,
    separator: row.separator,
    metadata: { ...row.metadata },
    created_at: timeOf(row.createdAt),
    updated_at: timeOf(row.updatedAt),
  };
}

/** What the operation changes, for the record. */
function about(operation: Operation, before: Namespace): void {
  operation.target = `namespace:${before.id}`;
  operation.namespaceId = before.id;
  operation.before = namespaceView(before);
}

const readers = ["admin", "user", "viewer"] as const;

export const namespaceRoutes = [
  defineRoute({
    id: "namespaces-list",
    method: "GET",
    path: "/api/admin/namespaces",
    roles: readers,
    action: "namespace.list",
    summary: "The organisation's namespaces.",
    query: z.strictObject({ search: searched("slug or name"), ...pageQuery }),
    response: pageOf(namespace),
    handle: async ({ operation, parts, query }) => ({
      body: pageAnswer(
        await parts.store.namespaces.list(operation.organizationId, pageRequest(query), {
          search: query.search,
        }),
        query.limit,
        namespaceView,
      ),
    }),
  }),
  defineRoute({
    id: "namespaces-create",
    method: "POST",
    path: "/api/admin/namespaces",
    roles: ["admin"],
    action: "namespace.create",
    summary: "A new namespace.",
    body: newNamespace,
    status: 201,
    response: namespace,
    refuses: ["already_exists"],
    handle: async ({ operation, parts, body }) => {
      const row = await parts.store.namespaces.create({
        id: Bun.randomUUIDv7(),
        organizationId: operation.organizationId,
        slug: body.slug,
        name: body.name ?? body.slug,
        description: body.description,
        separator: body.separator,
        metadata: body.metadata,
      });
      operation.target = `namespace:${row.id}`;
      operation.namespaceId = row.id;
      const view = namespaceView(row);
      operation.after = view;
      await parts.refresh();
      return tagged(view);
    },
  }),
  defineRoute({
    id: "namespaces-get",
    method: "GET",
    path: "/api/admin/namespaces/{id}",
    roles: readers,
    action: "namespace.get",
    summary: "One namespace.",
    response: namespace,
    handle: async ({ operation, parts, params }) =>
      tagged(namespaceView(found(await parts.store.namespaces.find(operation.organizationId, idOf(params))))),
  }),
  defineRoute({
    id: "namespaces-update",
    method: "PUT",
    path: "/api/admin/namespaces/{id}",
    roles: ["admin"],
    action: "namespace.update",
    summary: "Changes what is given.",
    body: change,
    versioned: true,
    response: namespace,
    handle: async ({ operation, parts, params, body, headers }) => {
      const { organizationId } = operation;
      const id = idOf(params);
      const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
      const row = await parts.store.namespaces.update(organizationId, id, (before) => {
        about(operation, before);
        checkConditions(headers, before);
        return given;
      });
      const view = namespaceView(found(row));
      operation.after = view;
      await parts.refresh();
      return tagged(view);
    },
  }),
  defineRoute({
    id: "namespaces-delete",
    method: "DELETE",
    path: "/api/admin/namespaces/{id}",
    roles: ["admin"],
    action: "namespace.delete",
    summary: "Deletes it with its servers, sessions and keys. `default` stays.",
    status: 204,
    versioned: true,
    refuses: ["conflict"],
    handle: async ({ operation, parts, params, headers }) => {
      const { organizationId } = operation;
      removed(
        await parts.store.namespaces.remove(organizationId, idOf(params), (before) => {
          about(operation, before);
          checkConditions(headers, before);
          if (before.slug === "default") {
            throw new GatewayError("conflict", { detail: "an organisation keeps its namespace default" });
          }
        }),
      );
      parts.credentialsChanged("all");
      await parts.refresh();
      return {};
    },
  }),
  defineRoute({
    id: "namespaces-servers",
    method: "GET",
    path: "/api/admin/namespaces/{id}/servers",
    roles: readers,
    action: "server.list",
    summary: "The stored servers of a namespace.",
    query: z.strictObject(serverQuery),
    response: pageOf(server),
    handle: async ({ operation, parts, params, query }) => {
      const { organizationId } = operation;
      const { id: namespaceId, slug: namespaceSlug } = found(
        await parts.store.namespaces.find(organizationId, idOf(params)),
      );
      const rows = await storedServers(parts, organizationId, query, namespaceId)(pageRequest(query));
      return {
        body: pageAnswer(rows, query.limit, (row) => storedView(row, namespaceSlug, parts.running(row.id))),
      };
    },
  }),
  defineRoute({
    id: "namespaces-sessions",
    method: "GET",
    path: "/api/admin/namespaces/{id}/sessions",
    roles: ["admin"],
    action: "session.list",
    summary: "Sessions of older clients in a namespace.",
    query: z.strictObject(sessionQuery),
    response: pageOf(session),
    handle: async ({ operation, parts, params, query }) => {
      const { organizationId } = operation;
      const { id: namespaceId } = found(await parts.store.namespaces.find(organizationId, idOf(params)));
      return { body: await pageOfSessions(parts, organizationId, query, namespaceId) };
    },
  }),
];
