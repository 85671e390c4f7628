import { z } from "zod";
import { eventFacets } from "../../model/event-facets.ts";
import type { AuditLogEntry, RequestLogEntry } from "../../model/log-entry.ts";
import { time, timeOf, uuid } from "../fields.ts";

export const logEntry = z
  .object({
    kind: z.enum(["call", "event"]),
    id: z.string(),
    at: time,
    actor: z.string().nullable(),
    actor_name: z.string().nullable().describe("The key's prefix or the account's name, as it was then."),
    namespace_id: uuid.nullable(),
    action: z.string().nullable().describe("The MCP method of a call, or what was done."),
    server: z.string().nullable(),
    served_by: z
      .string()
      .nullable()
      .describe("The server that a route had answer in its place; none where it was itself."),
    target: z.string().nullable(),
    status: z
      .string()
      .nullable()
      .describe(
        "How it ended. Of events `ok`, `refused` (the caller's to mend) or `error` (the gateway's); none of what can neither succeed nor fail.",
      ),
    error_code: z.string().nullable().describe("Of the catalogue of errors, where it was refused or failed."),
    duration_ms: z.number().nullable(),
    result_bytes: z.number().nullable(),
    arguments_digest: z.string().nullable(),
    client_address: z.string().nullable(),
    client: z.string().nullable(),
    correlation_id: z.string().nullable(),
    trace_id: z.string().nullable(),
    detail: z.unknown(),
    chain_id: z.string(),
    chain_sequence: z.number(),
    expired: z.boolean().describe("Its content was deleted by the retention; the chain still covers it."),
  })
  .meta({ id: "LogEntry" });
export type LogEntry = z.input<typeof logEntry>;

export function callEntry({ id, startedAt, link, call, end }: RequestLogEntry): LogEntry {
  return {
    kind: "call",
    id,
    at: timeOf(startedAt),
    actor: call?.principalId ?? null,
    actor_name: call?.principalName ?? null,
    namespace_id: call?.namespaceId ?? null,
    action: call?.method ?? null,
    server: call?.serverName ?? null,
    served_by: call?.servedBy ?? null,
    target: call?.target ?? null,
    status: call === undefined ? null : (end?.status ?? "running"),
    error_code: end?.errorCode ?? null,
    duration_ms: end?.durationMs ?? null,
    result_bytes: end?.resultBytes ?? null,
    arguments_digest: call?.argumentsDigest ?? null,
    client_address: call?.clientAddress ?? null,
    client: call?.clientName ?? null,
    correlation_id: call?.correlationId ?? null,
    trace_id: call?.traceId ?? null,
    detail: null,
    chain_id: link.chainId,
    chain_sequence: link.sequence,
    expired: call === undefined,
  };
}

export function eventEntry({ link, audit }: AuditLogEntry): LogEntry {
  const detail: unknown = audit === undefined ? null : JSON.parse(audit.detailJson);
  const { status, errorCode, actorName } = eventFacets(detail);
  return {
    kind: "event",
    id: `${link.chainId}:${link.sequence}`,
    at: timeOf(link.time),
    actor: audit?.actor ?? null,
    actor_name: actorName ?? null,
    namespace_id: audit?.namespaceId ?? null,
    action: audit?.action ?? null,
    server: null,
    served_by: null,
    target: audit?.target ?? null,
    status: status ?? null,
    error_code: errorCode ?? null,
    duration_ms: null,
    result_bytes: null,
    arguments_digest: null,
    client_address: audit?.clientAddress ?? null,
    client: null,
    correlation_id: audit?.correlationId ?? null,
    trace_id: null,
    detail: withoutName(detail),
    chain_id: link.chainId,
    chain_sequence: link.sequence,
    expired: audit === undefined,
  };
}

/** It is shown as `actor_name`. */
function withoutName(detail: unknown): unknown {
  if (typeof detail !== "object" || detail === null || Array.isArray(detail)) return detail;
  const { actor_name: _, ...rest } = detail as { readonly actor_name?: unknown };
  return rest;
}
