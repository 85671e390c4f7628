import { type Example, type Examples, ids, page, times } from "./example.ts";

const entry = {
  ...{ kind: "call", id: ids.call, at: times.updated_at, actor: `key:${ids.key}`, actor_name: "laptop" },
  ...{ namespace_id: ids.namespace, action: "tools/call", server: "tickets", target: "search", status: "ok" },
  ...{ served_by: null, error_code: null, duration_ms: 42.5, result_bytes: 1_830, client: "assistant 1.4" },
  arguments_digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  ...{ client_address: "203.0.113.7", correlation_id: "5b072e0d0c318954-000002be", trace_id: null },
  ...{ detail: null, chain_id: "gateway-1", chain_sequence: 3_177, expired: false },
};
const event = {
  ...entry,
  ...{
    kind: "event",
    id: `${ids.call}:3178`,
    actor: null,
    actor_name: null,
    namespace_id: null,
    server: null,
  },
  ...{ action: "authentication.failed", target: "/mcp", status: "refused", error_code: "unauthenticated" },
  ...{ duration_ms: null, result_bytes: null, client: null, arguments_digest: null },
  ...{ detail: { outcome: "unauthenticated" }, chain_sequence: 3_178 },
};
const content = {
  ...{ level: "redacted", bytes: 18, state: "whole", value: { query: "open" } },
  ...{ head: null, digest: null },
};
const metadata: Example = {
  answer: {
    ...{ resource: "https://gateway.example.com/mcp", bearer_methods_supported: ["header"] },
    ...{ authorization_servers: ["https://id.example.com"], scopes_supported: ["scope:user"] },
    resource_name: "MCP Gateway",
  },
};

export const recordExamples: Examples = {
  logs: page(entry),
  "platform-logs": page(event),
  "logs-get": {
    answer: { ...entry, contents: { arguments: content, result: null, error: null, answers: [] } },
  },
  stats: {
    answer: {
      ...{ from: "2026-11-02T16:05:12.000Z", to: times.updated_at, calls: 218, by_status: { ok: 218 } },
      targets: [
        {
          ...{ server: "tickets", target: "search", method: "tools/call", status: "ok" },
          ...{ calls: 218, duration_ms_mean: 41.7 },
        },
      ],
      ...{ servers: { ready: 3 }, process: {} },
    },
  },
  openapi: { answer: { openapi: "3.1.0", info: { title: "MCP Gateway", version: "1.0.0" }, paths: {} } },
  "resource-metadata": metadata,
  "resource-metadata-mcp": metadata,
  "resource-metadata-namespace-mcp": metadata,
  "resource-metadata-namespace-server-mcp": metadata,
  "resource-metadata-server-mcp": metadata,
  "resource-metadata-server-short": metadata,
};
