import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { SessionRecord } from "../../model/session-record.ts";
import {
  found,
  idOf,
  optionalTime,
  pageAnswer,
  pageOf,
  pageQuery,
  pageRequest,
  slug,
  storableText,
  time,
  timeOf,
  uuid,
} from "../fields.ts";
import { inNamespace, namespaceIdOf } from "../list-filter.ts";
import { slugOf } from "../namespaces/namespace-slug.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute } from "../route.ts";

const status = z.enum(["active", "terminated", "expired"]);
export const session = z
  .object({
    id: uuid,
    namespace: slug.nullable(),
    namespace_id: uuid,
    server_id: uuid.nullable(),
    status,
    transport: z.string(),
    revision: z.string(),
    client: z.string().nullable(),
    principal_id: z.string(),
    user_id: uuid.nullable(),
    log_level: z.string().nullable(),
    subscriptions: z.array(z.string()),
    started_at: time,
    last_activity_at: time,
    ended_at: time.nullable(),
  })
  .meta({ id: "Session" });

export function sessionView(parts: AdminParts, row: SessionRecord): z.input<typeof session> {
  return {
    id: row.id,
    namespace: slugOf(parts, row.organizationId, row.namespaceId),
    namespace_id: row.namespaceId,
    server_id: row.serverId,
    status: row.status,
    transport: row.protocol,
    revision: row.protocolVersion,
    client: row.clientId,
    principal_id: row.principalId,
    user_id: row.userId,
    log_level: row.logLevel,
    subscriptions: [...row.subscriptions],
    started_at: timeOf(row.startedAt),
    last_activity_at: timeOf(row.lastActivityAt),
    ended_at: optionalTime(row.endedAt),
  };
}

/** What sessions are asked for. */
export const sessionQuery = {
  status: status.optional().describe("Whether they go on, and how they ended."),
  principal_id: storableText(512).min(1).optional().describe("Whose they are: `key:…`, `user:…`."),
  user_id: uuid.optional().describe("The user whose they are, by whichever key."),
  ...pageQuery,
};
export async function pageOfSessions(
  parts: AdminParts,
  organizationId: string,
  query: z.output<z.ZodObject<typeof sessionQuery>>,
  namespaceId: string | undefined,
) {
  const { status, principal_id: principalId, user_id: userId } = query;
  const filter = { namespaceId, status, principalId, userId };
  const rows = await parts.store.sessions.list(organizationId, pageRequest(query), filter);
  return pageAnswer(rows, query.limit, (row) => sessionView(parts, row));
}

export const sessionRoutes = [
  defineRoute({
    id: "sessions-list",
    method: "GET",
    path: "/api/admin/sessions",
    roles: ["admin"],
    action: "session.list",
    summary: "Sessions of older clients, of all namespaces.",
    query: z.strictObject({ namespace: inNamespace, ...sessionQuery }),
    response: pageOf(session),
    handle: async ({ operation: { organizationId }, parts, query }) => {
      const namespaceId = await namespaceIdOf(parts, organizationId, query.namespace);
      return { body: await pageOfSessions(parts, organizationId, query, namespaceId) };
    },
  }),
  defineRoute({
    id: "sessions-get",
    method: "GET",
    path: "/api/admin/sessions/{id}",
    roles: ["admin"],
    action: "session.get",
    summary: "One session.",
    response: session,
    handle: async ({ operation, parts, params }) => ({
      body: sessionView(
        parts,
        found(await parts.store.sessions.find(operation.organizationId, idOf(params))),
      ),
    }),
  }),
  defineRoute({
    id: "sessions-end",
    method: "DELETE",
    path: "/api/admin/sessions/{id}",
    roles: ["admin"],
    action: "session.end",
    summary: "Ends it: its client is answered 404 and has to begin anew.",
    status: 204,
    refuses: ["conflict"],
    handle: async ({ operation, parts, params }) => {
      const { organizationId } = operation;
      const id = idOf(params);
      const before = found(await parts.store.sessions.find(organizationId, id));
      operation.target = `session:${id}`;
      operation.namespaceId = before.namespaceId;
      operation.before = sessionView(parts, before);
      if (!(await parts.endSession(organizationId, id)))
        throw new GatewayError("conflict", { detail: "the session has ended already" });
      return {};
    },
  }),
];
