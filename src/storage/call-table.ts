import type { Selectable, UpdateObject } from "kysely";
import type { RequestLogEntry } from "../model/log-entry.ts";
import type { CallEndFields, StoredRecord } from "../model/ports/record-sink.ts";
import type { Schema } from "./schema.ts";

export type CallColumns = Selectable<Schema["requestLogs"]>;
/** The namespace stays when the content has expired. */
export interface StoredCall extends RequestLogEntry {
  readonly namespaceId: string | undefined;
}

/**
 * An outcome is near its intent where it follows in the same chain, at most so many records later: nearly all are. A row
 * whose end is near may leave out `end_chain_id`, and needs no place in an index of ends.
 */
export const nearMax = 2_000;

/**
 * How a dialect keeps `request_logs`. Both have a column for all that is filtered by; SQLite's are those of a view, which
 * computes them from the row's JSON when somebody asks (docs/adr/0024-packed-records.md).
 */
export interface CallTable {
  /** Where every column can be asked for: the table, or the view over it. */
  readonly source: "requestLogs" | "requestCalls";
  /**
   * Rows one statement looks at, some 20 ms; a longer query goes in steps of these, and can end between two.
   * `undefined`: the server ends a statement in time.
   */
  readonly stepRows: number | undefined;
  /** What an entry is made of. */
  readonly columns: readonly (keyof CallColumns)[];
  /** Tells rows apart; the order a copy reads in. */
  readonly key: readonly [keyof CallColumns, ...(keyof CallColumns)[]];
  /** What takes a row's content. Without it `method` is null, and only then. */
  readonly expired: UpdateObject<Schema, "requestLogs">;
  entryOf(row: CallColumns): StoredCall;
  /** By the table's own column names. */
  rowOf(call: StoredCall): Readonly<Record<string, unknown>>;
}

export function begunRecord({ id, startedAt, call, link, end }: RequestLogEntry): StoredRecord {
  if (call === undefined) return { link, content: undefined };
  const own = link.kind === "call_refused" ? end : undefined;
  return { link, content: { row: "call", id, startedAt, call, link, end: own, endLink: undefined } };
}

export function endedRecord({ id, startedAt, end, endLink }: RequestLogEntry): StoredRecord | undefined {
  if (endLink === undefined) return undefined;
  const content = end && ({ row: "call_end", id, startedAt, end, link: endLink } as const);
  return { link: endLink, content };
}

/** What a row without its content has for a status: that there was an end is not content. */
export function expiredStatus({ link, endLink }: RequestLogEntry): "expired" | null {
  return endLink !== undefined || link.kind === "call_refused" ? "expired" : null;
}

export function endOf(row: CallColumns): CallEndFields | undefined {
  if (row.status === null) return undefined;
  return {
    status: row.status as CallEndFields["status"],
    errorCode: row.errorCode ?? undefined,
    durationMs: row.durationMs ?? 0,
    resultBytes: row.resultBytes ?? 0,
  };
}
