import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import { membersRefused } from "../checked.ts";
import { found, idOf, pageOf, time, timeOf } from "../fields.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute } from "../route.ts";
import { callContents, contentsByCall, noContents } from "./call-content.ts";
import { exported } from "./log-export.ts";
import {
  type LogQuery,
  logQuery,
  pageAnswer,
  placeOf,
  platformLogQuery,
  readCalls,
  readEvents,
} from "./log-page.ts";
import { callEntry, type LogEntry, logEntry } from "./log-view.ts";

/** Calls on a page with what was said in them, which may be hundreds of kilobytes each. */
const CONTENTS_PAGE = 20;
/** An entry with what was said in its call. */
const callWithContents = logEntry.extend({ contents: callContents }).meta({ id: "CallLogEntry" });
const exports = {
  produces: ["application/jsonl", "text/csv"],
  answerHeaders: { "Content-Disposition": "Of an export: its file's name." },
};

/** @throws GatewayError `invalid_request` for what only calls have */
function checkKind(query: Pick<LogQuery, "kind" | "format" | "server" | "served_by" | "contents">): void {
  const { kind, contents, format } = query;
  const foreign = (["server", "served_by"] as const).find((name) => query[name] !== undefined);
  if (kind === "event" && foreign !== undefined)
    throw membersRefused({ path: foreign, message: "a filter of calls, not of events" });
  if (contents === "true" && (format === "json" || kind === "event")) {
    const message = "of calls, with format=jsonl or csv; one call's are at /admin/logs/{id}";
    throw membersRefused({ path: "contents", message });
  }
}

const withContents = (parts: AdminParts, organizationId: string) => ({
  columns: ["contents"],
  pageItems: CONTENTS_PAGE,
  extend: async (items: readonly LogEntry[]) => {
    const ids = items.map(({ id }) => id);
    const contents = await contentsByCall(parts, organizationId, ids);
    return items.map((item) => ({ ...item, contents: contents.get(item.id) ?? noContents }));
  },
});

/**
 * One that is there has a record of its own, in which stands who read it. Who reads a removed one's is in the record of the
 * reader's. @throws GatewayError `conflict`
 */
async function checkRemoved(
  { store }: AdminParts,
  operation: Operation,
  id: string,
  query: object,
): Promise<void> {
  operation.target = `organization:${id}`;
  operation.after = query;
  operation.reveals = true;
  const there = await store.organizations.find(id);
  if (there === undefined) return;
  const detail = `the organisation is there; its record is at /admin/logs?organization=${there.slug}`;
  throw new GatewayError("conflict", { detail });
}

/** Of RFC 3339. */
const EARLIEST = Date.parse("0000-01-01T00:00:00Z");
const tally = z.object({
  server: z.string().nullable(),
  target: z.string().nullable(),
  method: z.string().nullable(),
  status: z.string().nullable(),
  calls: z.number(),
  duration_ms_mean: z.number().nullable(),
});

export const logRoutes = [
  defineRoute({
    id: "logs",
    method: "GET",
    path: "/admin/logs",
    roles: ["admin"],
    action: "log.list",
    summary: "Calls and events, newest first; `format=jsonl|csv` exports all that match.",
    query: logQuery,
    response: pageOf(logEntry),
    ...exports,
    handle: async ({ operation, parts, query }) => {
      const { organizationId } = operation;
      const { kind, format, cursor, limit } = query;
      checkKind(query);
      const read = (kind === "event" ? readEvents : readCalls)(parts, organizationId, query);
      if (format === "json") return { body: await pageAnswer(read, query) };
      const hasContents = query.contents === "true";
      if (hasContents) {
        operation.reveals = true;
        operation.after = query;
      }
      return exported({
        ...{ format, noun: `${kind}s`, at: parts.clock.now(), read, after: placeOf(cursor), limit },
        ...(hasContents && { extended: withContents(parts, organizationId) }),
      });
    },
  }),
  defineRoute({
    id: "platform-logs",
    method: "GET",
    path: "/admin/platform/logs",
    access: "operator",
    action: "log.list",
    summary:
      "Events that belong to no organisation, newest first: refused credentials, lock-outs, the journal's own; or the records of a removed organisation. `format=jsonl|csv` exports all that match.",
    query: platformLogQuery,
    response: pageOf(logEntry),
    ...exports,
    refuses: ["conflict"],
    handle: async ({ operation, parts, query }) => {
      const { format, cursor, limit, kind } = query;
      const organizationId = query.organization_id?.toLowerCase();
      checkKind({ ...query, contents: "false" });
      if (organizationId !== undefined) await checkRemoved(parts, operation, organizationId, query);
      else if (kind === "call")
        throw membersRefused({ path: "kind", message: "calls are an organisation's (organization_id)" });
      const read =
        organizationId !== undefined && kind === "call"
          ? readCalls(parts, organizationId, query)
          : readEvents(parts, organizationId ?? null, query);
      if (format === "json") return { body: await pageAnswer(read, query) };
      const noun = organizationId === undefined ? "platform-events" : `removed-${kind}s`;
      return exported({ format, noun, at: parts.clock.now(), read, after: placeOf(cursor), limit });
    },
  }),
  defineRoute({
    id: "logs-get",
    method: "GET",
    path: "/admin/logs/{id}",
    roles: ["admin"],
    action: "log.read",
    summary: "One call, with what was said in it where that is kept; reading that is recorded.",
    response: callWithContents,
    handle: async ({ operation, parts, params }) => {
      const { organizationId } = operation;
      const id = idOf(params);
      const entry = found(await parts.store.records.request(organizationId, id));
      operation.target = `call:${id}`;
      const contents = (await contentsByCall(parts, organizationId, [id])).get(id);
      operation.reveals = contents !== undefined;
      return { body: { ...callEntry(entry), contents: contents ?? noContents } };
    },
  }),
  defineRoute({
    id: "stats",
    method: "GET",
    path: "/admin/stats",
    roles: ["admin"],
    action: "log.stats",
    summary: "Calls of a time by target and end (the last day unless said otherwise), and what runs now.",
    query: z.strictObject({
      from: time.optional().describe("Inclusive."),
      to: time.optional().describe("Exclusive."),
    }),
    response: z.object({
      from: time,
      to: time,
      calls: z.number(),
      by_status: z.record(z.string(), z.number()),
      targets: z.array(tally),
      servers: z.record(z.string(), z.number()),
      process: z.record(z.string(), z.number()),
    }),
    handle: async ({ operation, parts, query }) => {
      const { organizationId } = operation;
      const to = query.to === undefined ? parts.clock.now() : Date.parse(query.to);
      const from = query.from === undefined ? Math.max(to - 86_400_000, EARLIEST) : Date.parse(query.from);
      const rows = await parts.store.records.tallies(organizationId, from, to);
      const byStatus: Record<string, number> = {};
      for (const { status, calls } of rows)
        byStatus[status ?? "running"] = (byStatus[status ?? "running"] ?? 0) + calls;
      const servers: Record<string, number> = {};
      for (const namespace of parts.organization(organizationId)?.namespacesById.values() ?? []) {
        for (const { id } of namespace.servers) {
          const status = parts.running(id)?.state.status ?? "inactive";
          servers[status] = (servers[status] ?? 0) + 1;
        }
      }
      return {
        body: {
          from: timeOf(from),
          to: timeOf(to),
          calls: rows.reduce((sum, { calls }) => sum + calls, 0),
          by_status: byStatus,
          targets: rows.map(({ serverName, target, method, status, calls, durationMsMean }) => ({
            server: serverName,
            target,
            method,
            status,
            calls,
            duration_ms_mean: durationMsMean,
          })),
          servers,
          // Of the whole process, which tenants share: the operator's.
          process: operation.principal.platformAdmin ? await parts.statistics() : {},
        },
      };
    },
  }),
];
