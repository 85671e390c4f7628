import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { LogPlace } from "../../model/ports/store.ts";
import { cursorFault, found, idOf, pageOf, pageQuery, time, timeOf, uuid } from "../fields.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute } from "../route.ts";
import { callContents, contentsByCall, noContents } from "./call-content.ts";
import { callEntry, eventEntry, type LogEntry, logEntry } from "./log-view.ts";

/** An export ends after this many records; `to`, with the time of its last line, goes on from there. */
const EXPORT_MAX = 100_000;
const EXPORT_PAGE = 1_000;
/** With what was said in them, which may be hundreds of kilobytes each. */
const CONTENTS_PAGE = 20;
const COLUMNS = Object.keys(logEntry.shape) as (keyof LogEntry)[];
/** An entry with what was said in its call. */
const callWithContents = logEntry.extend({ contents: callContents }).meta({ id: "CallLogEntry" });

/** Events have none of these. */
const CALLS_ONLY = ["server", "served_by", "status", "error_code"] as const;
const filter = z.string().min(1).max(512).optional();
const logQuery = z.strictObject({
  kind: z.enum(["call", "event"]).default("call").describe("Calls, or administrative and security events."),
  from: time.optional().describe("Inclusive."),
  to: time.optional().describe("Exclusive."),
  namespace_id: uuid.optional().describe("Of the namespace it happened in."),
  actor: filter.describe("The principal's id."),
  action: filter.describe("The method of a call, or what was done."),
  server: filter.describe("Of calls: the server's name."),
  served_by: filter.describe("Of calls: the server that a route had answer in its place."),
  target: filter.describe("Tool, prompt or resource of a call; what an event was about."),
  status: filter.describe("How a call ended; `running` are those under way."),
  error_code: filter.describe("Of the catalogue of errors."),
  correlation_id: filter.describe("The `X-Request-Id` of an answer."),
  format: z.enum(["json", "jsonl", "csv"]).default("json").describe("A page, or everything as an export."),
  contents: z
    .enum(["true", "false"])
    .default("false")
    .describe("Exports (`format=jsonl|csv`) hold what was said in the calls too; that is recorded."),
  ...pageQuery,
});
type LogQuery = z.output<typeof logQuery>;

interface Page {
  readonly items: readonly LogEntry[];
  readonly last: LogPlace | undefined;
}

async function read(
  parts: AdminParts,
  organizationId: string,
  query: LogQuery,
  after: LogPlace | undefined,
  limit: number,
): Promise<Page> {
  const { from, to, namespace_id: namespaceId, correlation_id: correlationId } = query;
  const page = {
    limit,
    ...(from !== undefined && { from: Date.parse(from) }),
    ...(to !== undefined && { before: Date.parse(to) }),
    ...(namespaceId !== undefined && { namespaceId }),
    ...(after !== undefined && { after }),
  };
  const { records } = parts.store;
  if (query.kind === "event") {
    const foreign = CALLS_ONLY.find((name) => query[name] !== undefined);
    if (foreign !== undefined) {
      throw new GatewayError("invalid_request", { detail: `${foreign}: a filter of calls, not of events` });
    }
    const { actor, action, target } = query;
    const rows = await records.audits(organizationId, page, given({ actor, action, target, correlationId }));
    const end = rows.at(-1)?.link;
    const last = end && { at: end.time, id: end.chainId, sequence: end.sequence };
    return { items: rows.map(eventEntry), last: rows.length < limit ? undefined : last };
  }
  const { actor: principalId, action: method, server, target, status } = query;
  const { served_by: servedBy, error_code: errorCode } = query;
  const columns = given({ principalId, method, server, servedBy, target, status, errorCode, correlationId });
  const rows = await records.requests(organizationId, page, columns);
  const end = rows.at(-1);
  const last = end && { at: end.startedAt, id: end.id, sequence: 0 };
  return { items: rows.map(callEntry), last: rows.length < limit ? undefined : last };
}

function given<T extends Record<string, string | undefined>>(filters: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string;
  };
}

const place = z.tuple([z.number(), z.string().max(64), z.number()]);
function cursorOf(last: LogPlace | undefined): string | null {
  return last === undefined
    ? null
    : Buffer.from(JSON.stringify([last.at, last.id, last.sequence])).toString("base64url");
}
function placeOf(cursor: string | undefined): LogPlace | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [at, id, sequence] = place.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
    return { at, id, sequence };
  } catch (cause) {
    throw cursorFault(cause);
  }
}

function csvLine(values: readonly unknown[]): string {
  const cell = (value: unknown): string => {
    const text = value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    // A cell that begins like a formula is one to a spreadsheet; the quote keeps it text.
    const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return `${values.map(cell).join(",")}\r\n`;
}

/** Page after page, as the reader takes them. */
function exported(parts: AdminParts, organizationId: string, query: LogQuery): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const isCsv = query.format === "csv";
  const withContents = query.contents === "true";
  const pageItems = withContents ? CONTENTS_PAGE : EXPORT_PAGE;
  const columns: readonly string[] = withContents ? [...COLUMNS, "contents"] : COLUMNS;
  const line = (item: Readonly<Record<string, unknown>>) =>
    isCsv ? csvLine(columns.map((column) => item[column])) : `${JSON.stringify(item)}\n`;
  let after = placeOf(query.cursor);
  let sent = 0;
  let begun = false;
  return new ReadableStream({
    async pull(controller) {
      if (!begun && isCsv) controller.enqueue(encoder.encode(csvLine(columns)));
      begun = true;
      const page = await read(parts, organizationId, query, after, pageItems);
      const contents = withContents
        ? await contentsByCall(
            parts,
            organizationId,
            page.items.map(({ id }) => id),
          )
        : undefined;
      const lines = page.items.map((item) =>
        line(contents === undefined ? item : { ...item, contents: contents.get(item.id) ?? noContents }),
      );
      if (lines.length > 0) controller.enqueue(encoder.encode(lines.join("")));
      sent += lines.length;
      after = page.last;
      if (after === undefined || sent >= EXPORT_MAX) controller.close();
    },
  });
}

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
    summary: `Calls and events, newest first; \`format=jsonl|csv\` exports up to ${EXPORT_MAX} of them.`,
    query: logQuery,
    response: pageOf(logEntry),
    produces: ["application/jsonl", "text/csv"],
    handle: async ({ operation, parts, query }) => {
      const { organizationId } = operation;
      if (query.contents === "true") {
        if (query.format === "json" || query.kind !== "call") {
          const detail = "contents: of calls, with format=jsonl or csv; one call's are at /admin/logs/{id}";
          throw new GatewayError("invalid_request", { detail });
        }
        operation.reveals = true;
        operation.after = query;
      }
      if (query.format !== "json") {
        const contentType = query.format === "csv" ? "text/csv; charset=utf-8" : "application/jsonl";
        return { raw: { body: exported(parts, organizationId, query), contentType } };
      }
      const page = await read(parts, organizationId, query, placeOf(query.cursor), query.limit);
      return { body: { items: page.items, next_cursor: cursorOf(page.last) } };
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
      const from = query.from === undefined ? to - 86_400_000 : Date.parse(query.from);
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
