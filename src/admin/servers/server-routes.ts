import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { ServerRecord } from "../../model/server-record.ts";
import { versionTag } from "../entity-tag.ts";
import { checkConditions, found, idOf, pageOf, removed } from "../fields.ts";
import { hasText, inNamespace, isAsked, namespaceIdOf } from "../list-filter.ts";
import { pageWithManaged } from "../managed-page.ts";
import { namespaceNamed, slugOf } from "../namespaces/namespace-slug.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute } from "../route.ts";
import { checkRecord, columnsOf, newServer, recordWith, serverChange } from "./server-body.ts";
import { serverQuery, storedServers } from "./server-list.ts";
import { managedView, type ServerView, server, storedView } from "./server-view.ts";

const readers = ["admin", "user", "viewer"] as const;
const testReport = z.object({
  ok: z.boolean(),
  steps: z.array(
    z.object({
      step: z.enum(["settings", "connect", "lists"]),
      ok: z.boolean(),
      detail: z.string(),
      duration_ms: z.number(),
    }),
  ),
});

/** A managed server and its namespace's slug, by id. */
function managed(parts: AdminParts, organizationId: string, id: string) {
  for (const namespace of parts.organization(organizationId)?.namespacesById.values() ?? []) {
    const definition = namespace.servers.find((one) => one.id === id && one.source !== "store");
    if (definition !== undefined) return { definition, namespaceSlug: namespace.slug };
  }
  return undefined;
}

async function stored(parts: AdminParts, operation: Operation, id: string): Promise<ServerRecord> {
  const { organizationId } = operation;
  if (managed(parts, organizationId, id) !== undefined) {
    throw new GatewayError("managed_by_file", { what: "The server" });
  }
  const record = found(await parts.store.servers.find(organizationId, id));
  operation.target = `server:${id}`;
  operation.namespaceId = record.namespaceId;
  return record;
}

function viewOf(parts: AdminParts, row: ServerRecord): ServerView {
  const namespaceSlug = slugOf(parts, row.organizationId, row.namespaceId) ?? "";
  return storedView(row, namespaceSlug, parts.running(row.id));
}
function answerOf(view: ServerView) {
  return view.updated_at === null
    ? { body: view }
    : { body: view, headers: { etag: versionTag(view.updated_at) } };
}

/** A program on the gateway's own machine is more than an organisation's administrator may decide about. */
function checkMayRun(operation: Operation, record: Pick<ServerRecord, "protocol">): void {
  if (record.protocol === "stdio" && !operation.principal.platformAdmin) throw new GatewayError("forbidden");
}

async function report(parts: AdminParts, record: ServerRecord) {
  const steps = await parts.testServer(record);
  return {
    body: {
      ok: steps.every(({ ok }) => ok),
      steps: steps.map(({ durationMs, ...step }) => ({ ...step, duration_ms: Math.round(durationMs) })),
    },
  };
}

async function draftOf(parts: AdminParts, operation: Operation, body: z.output<typeof newServer>) {
  const { organizationId } = operation;
  const { namespace: namespaceSlug, ...given } = body;
  const namespace = await namespaceNamed(parts, organizationId, namespaceSlug);
  const change = columnsOf(given);
  const draft = {
    ...change,
    id: Bun.randomUUIDv7(),
    organizationId,
    namespaceId: namespace.id,
    name: body.name,
    protocol: body.type,
    createdBy: operation.principal.id,
  };
  const record = recordWith(draft, change);
  checkRecord(record);
  checkMayRun(operation, record);
  return { draft, record };
}

export const serverRoutes = [
  defineRoute({
    id: "servers-list",
    method: "GET",
    path: "/gateway/servers",
    roles: readers,
    action: "server.list",
    summary: "The organisation's servers, first those of the configuration file.",
    query: z.strictObject({ namespace: inNamespace, ...serverQuery }),
    response: pageOf(server),
    handle: async ({ operation, parts, query }) => {
      const { organizationId } = operation;
      const namespaceId = await namespaceIdOf(parts, organizationId, query.namespace);
      const namespaces = [...(parts.organization(organizationId)?.namespacesById.values() ?? [])];
      const slugs = new Map(namespaces.map(({ id, slug }) => [id, slug]));
      const managed = namespaces.flatMap(({ servers, slug }) =>
        servers
          .filter(({ source }) => source !== "store")
          .map((definition) => managedView(definition, slug, parts.running(definition.id))),
      );
      const fits = (view: ServerView) =>
        isAsked(query.namespace, view.namespace) &&
        isAsked(query.type, view.type as typeof query.type) &&
        isAsked(query.active, view.active) &&
        isAsked(query.status, view.status.status) &&
        hasText(query.search, view.name);
      return {
        body: await pageWithManaged(query, {
          managed: managed.filter(fits),
          managedView: (view) => view,
          read: storedServers(parts, organizationId, query, namespaceId),
          view: (row: ServerRecord) =>
            storedView(row, slugs.get(row.namespaceId) ?? "", parts.running(row.id)),
        }),
      };
    },
  }),
  defineRoute({
    id: "servers-create",
    method: "POST",
    path: "/gateway/servers",
    roles: ["admin"],
    action: "server.create",
    summary:
      "Registers a server; it is served at once. Programs (`stdio`) are the platform administrator's to register.",
    body: newServer,
    status: 201,
    response: server,
    refuses: ["already_exists", "quota_exceeded"],
    handle: async ({ operation, parts, body }) => {
      const { draft } = await draftOf(parts, operation, body);
      operation.target = `server:${draft.id}`;
      operation.namespaceId = draft.namespaceId;
      const row = await parts.store.servers.create(draft);
      await parts.refresh();
      const view = viewOf(parts, row);
      operation.after = view;
      return answerOf(view);
    },
  }),
  defineRoute({
    id: "servers-test",
    method: "POST",
    path: "/gateway/servers/test",
    roles: ["admin"],
    action: "server.test",
    summary: "Connects to a server that is not registered and says how far it came; nothing is kept.",
    body: newServer,
    response: testReport,
    handle: async ({ operation, parts, body }) => {
      const { record } = await draftOf(parts, operation, body);
      return report(parts, record);
    },
  }),
  defineRoute({
    id: "servers-get",
    method: "GET",
    path: "/gateway/servers/{id}",
    roles: readers,
    action: "server.get",
    summary: "One server.",
    response: server,
    handle: async ({ operation, parts, params }) => {
      const id = idOf(params);
      const file = managed(parts, operation.organizationId, id);
      if (file !== undefined) {
        return { body: managedView(file.definition, file.namespaceSlug, parts.running(id)) };
      }
      return answerOf(viewOf(parts, found(await parts.store.servers.find(operation.organizationId, id))));
    },
  }),
  defineRoute({
    id: "servers-update",
    method: "PUT",
    path: "/gateway/servers/{id}",
    roles: ["admin"],
    action: "server.update",
    summary:
      "Changes what is given; live at once. Secrets not given stay, but for another origin of the `url`: it takes `auth` and `headers` anew.",
    body: serverChange,
    versioned: true,
    response: server,
    refuses: ["already_exists", "managed_by_file"],
    handle: async ({ operation, parts, params, body, headers }) => {
      const { id } = await stored(parts, operation, idOf(params));
      const row = found(
        await parts.store.servers.update(operation.organizationId, id, (before) => {
          checkConditions(headers, before);
          operation.before = viewOf(parts, before);
          const change = columnsOf(body, before);
          const record = recordWith(before, change);
          checkRecord(record);
          checkMayRun(operation, record);
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
    id: "servers-delete",
    method: "DELETE",
    path: "/gateway/servers/{id}",
    roles: ["admin"],
    action: "server.delete",
    summary: "Removes it; calls under way may end.",
    status: 204,
    versioned: true,
    refuses: ["managed_by_file"],
    handle: async ({ operation, parts, params, headers }) => {
      const { id } = await stored(parts, operation, idOf(params));
      removed(
        await parts.store.servers.remove(operation.organizationId, id, (before) => {
          checkConditions(headers, before);
          operation.before = viewOf(parts, before);
        }),
      );
      await parts.refresh();
      return {};
    },
  }),
  defineRoute({
    id: "servers-test-stored",
    method: "POST",
    path: "/gateway/servers/{id}/test",
    roles: ["admin"],
    action: "server.test",
    summary: "Connects to a registered server anew, beside its running connection, and says how far it came.",
    response: testReport,
    refuses: ["managed_by_file"],
    handle: async ({ operation, parts, params }) => {
      const record = await stored(parts, operation, idOf(params));
      checkMayRun(operation, record);
      return report(parts, record);
    },
  }),
];
