import { z } from "zod";
import type { CallFilter, EventFilter, LogPageRequest, LogPlace } from "../../model/ports/records.ts";
import { membersRefused } from "../checked.ts";
import { cursorOf, instant, placeIn, storableText, time, uuid } from "../fields.ts";
import type { AdminParts } from "../parts.ts";
import { callEntry, eventEntry, type LogEntry } from "./log-view.ts";

/** Of a page where nothing else is said, and at most. */
const PAGE_ITEMS = 100;
export const PAGE_ITEMS_MAX = 1_000;

const filter = storableText(512).min(1).optional();
/** What is asked of calls and events alike. */
export const recordQuery = {
  from: time.optional().describe("Inclusive."),
  to: time.optional().describe("Exclusive."),
  actor: filter.describe("The principal's id."),
  actor_name: filter.describe("The key's prefix or the account's name."),
  action: filter.describe("The method of a call, or what was done."),
  target: filter.describe("Tool, prompt or resource of a call; what an event was about."),
  status: filter.describe(
    "How it ended: of events `ok`, `refused` or `error`; of calls `running` are those under way.",
  ),
  error_code: filter.describe("Of the catalogue of errors."),
  correlation_id: filter.describe("The `X-Request-Id` of an answer."),
  client_address: filter.describe("Where it came from."),
  format: z.enum(["json", "jsonl", "csv"]).default("json").describe("A page, or everything as an export."),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .describe(
      `Items on one page, ${PAGE_ITEMS} where nothing is said and ${PAGE_ITEMS_MAX} at most; of an export all where nothing is said.`,
    ),
  cursor: z
    .string()
    .max(512)
    .optional()
    .describe("`next_cursor` of the page before; exports begin there too."),
};
const kind = z.enum(["call", "event"]);
/** What is asked of calls alone. */
const callQuery = {
  server: filter.describe("Of calls: the server's name."),
  served_by: filter.describe("Of calls: the server that a route had answer in its place."),
};
export const logQuery = z.strictObject({
  kind: kind.default("call").describe("Calls, or administrative and security events."),
  namespace_id: uuid.optional().describe("Of the namespace it happened in."),
  ...callQuery,
  ...recordQuery,
  contents: z
    .enum(["true", "false"])
    .default("false")
    .describe("Exports (`format=jsonl|csv`) hold what was said in the calls too; that is recorded."),
});
export const platformLogQuery = z.strictObject({
  organization_id: uuid
    .optional()
    .describe("Of a removed organisation: its records, until they expire. Reading them is recorded."),
  kind: kind
    .default("event")
    .describe("Administrative and security events or, of a removed organisation, calls."),
  ...callQuery,
  ...recordQuery,
});
type RecordQuery = z.output<z.ZodObject<typeof recordQuery>>;
/** What calls are asked for. */
type CallQuery = RecordQuery & z.output<z.ZodObject<typeof callQuery>> & Pick<LogQuery, "namespace_id">;
export type LogQuery = z.output<typeof logQuery>;

export interface LogPage {
  readonly items: readonly LogEntry[];
  /** `undefined` where nothing follows. */
  readonly last: LogPlace | undefined;
}
/** Reads at most so many items behind a place. */
export type ReadLog = (after: LogPlace | undefined, limit: number) => Promise<LogPage>;

export function readCalls({ store }: AdminParts, organizationId: string, query: CallQuery): ReadLog {
  const { actor, actor_name: principalName, action: method, server, target, status } = query;
  const filters: CallFilter = {
    ...{ principalId: actor, principalName, method, server, target, status },
    ...{ servedBy: query.served_by, errorCode: query.error_code },
    ...{ correlationId: query.correlation_id, clientAddress: query.client_address },
  };
  return async (after, limit) => {
    const page = pageOf(query, after, limit);
    const rows = await store.records.requests(organizationId, page, filters);
    const end = rows.length < limit ? undefined : rows.at(-1);
    return { items: rows.map(callEntry), last: end && { at: end.startedAt, id: end.id, sequence: 0 } };
  };
}

/** @param organizationId `null`: events that belong to none */
export function readEvents(
  { store }: AdminParts,
  organizationId: string | null,
  query: RecordQuery & Pick<LogQuery, "namespace_id">,
): ReadLog {
  const { actor, actor_name: actorName, action, target, status } = query;
  const filters: EventFilter = {
    ...{ actor, actorName, action, target, status, errorCode: query.error_code },
    ...{ correlationId: query.correlation_id, clientAddress: query.client_address },
  };
  return async (after, limit) => {
    const page = pageOf(query, after, limit);
    const rows = await store.records.audits(organizationId, page, filters);
    const end = rows.length < limit ? undefined : rows.at(-1)?.link;
    return {
      items: rows.map(eventEntry),
      last: end && { at: end.time, id: end.chainId, sequence: end.sequence },
    };
  };
}

/** One page. @throws GatewayError `invalid_request` for a limit that no page has */
export async function pageAnswer(
  read: ReadLog,
  { limit = PAGE_ITEMS, cursor }: RecordQuery,
): Promise<{ readonly items: readonly LogEntry[]; readonly next_cursor: string | null }> {
  if (limit > PAGE_ITEMS_MAX) {
    const message = `${PAGE_ITEMS_MAX} at most on a page; an export (format=jsonl or csv) takes more`;
    throw membersRefused({ path: "limit", message });
  }
  const { items, last } = await read(placeOf(cursor), limit);
  return { items, next_cursor: last === undefined ? null : cursorOf([last.at, last.id, last.sequence]) };
}

function pageOf(
  query: Pick<LogQuery, "from" | "to" | "namespace_id">,
  after: LogPlace | undefined,
  limit: number,
): LogPageRequest {
  const { from, to, namespace_id: namespaceId } = query;
  return {
    limit,
    from: from === undefined ? undefined : Date.parse(from),
    before: to === undefined ? undefined : Date.parse(to),
    namespaceId,
    after,
  };
}

/** What no cursor of ours can hold is refused as such, before a store is asked for it. */
const place = z.tuple([instant, uuid, z.int().min(0)]);
/** @throws GatewayError `invalid_request` */
export function placeOf(cursor: string | undefined): LogPlace | undefined {
  if (cursor === undefined) return undefined;
  const [at, id, sequence] = placeIn(place, cursor);
  return { at, id, sequence };
}
