import { type Examples, ids, ownNamespace, page, times } from "./example.ts";
import { server } from "./servers.ts";

const namespace = {
  ...{ id: ids.namespace, slug: "research", name: "Research", description: "" },
  ...{ separator: "__", metadata: {}, ...times },
};
const organization = {
  ...{ id: ids.organization, slug: "acme", name: "Acme", plan: "free", max_servers: 10 },
  ...{ max_sessions: 100, log_retention_days: 7, active: true, ...times },
};
const session = {
  ...{ id: ids.session, ...ownNamespace, server_id: null, status: "active", transport: "streamable-http" },
  ...{ revision: "2025-11-25", client: "assistant 1.4", principal_id: `key:${ids.key}`, user_id: ids.user },
  ...{ log_level: null, subscriptions: [], started_at: times.created_at },
  ...{ last_activity_at: times.updated_at, ended_at: null },
};

export const tenancyExamples: Examples = {
  "namespaces-list": page(namespace),
  "namespaces-create": { body: { slug: "research", name: "Research" }, answer: namespace },
  "namespaces-get": { answer: namespace },
  "namespaces-update": { body: { name: "Research" }, answer: namespace },
  "namespaces-servers": page(server),
  "namespaces-sessions": page(session),
  "organizations-list": page(organization),
  "organizations-create": { body: { slug: "acme", name: "Acme", max_servers: 10 }, answer: organization },
  "organizations-get": { answer: { ...organization, in_use: { servers: 3, sessions: 12 } } },
  "organizations-update": { body: { max_servers: 10 }, answer: organization },
  "sessions-list": page(session),
  "sessions-get": { answer: session },
};
