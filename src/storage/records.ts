import type { Kysely, SelectQueryBuilder } from "kysely";
import type { StoredRecord } from "../model/ports/record-sink.ts";
import type { CallFilter, LogPageRequest, Records } from "../model/ports/records.ts";
import { timeInUuid } from "../model/uuid-time.ts";
import { callSteps, newestFirst, within } from "./call-steps.ts";
import {
  begunRecord,
  type CallColumns,
  type CallTable,
  endedRecord,
  nearMax,
  type StoredCall,
} from "./call-table.ts";
import { CallTallies, KINDS_MAX } from "./call-tallies.ts";
import type { Engine } from "./engine.ts";
import { eventsOf, listEvents } from "./events.ts";
import { type ExpiringRows, Expiry } from "./expiry.ts";
import { instant } from "./instant.ts";
import { equals } from "./null-column.ts";
import { limitOf } from "./page.ts";
import { ReadTurns } from "./read-turns.ts";
import { contentRecord, contentsOf, contentsWithin } from "./record-contents.ts";
import { auditRecord, checkpointRecord } from "./record-rows.ts";
import type { Schema } from "./schema.ts";

/** Whose turns those are who look through what belongs to no organisation. */
const OF_NONE = "";

/** Looked at by one statement where the server ends it in time. */
const EXPIRY_ROWS = 50_000;

export type RecordEngine = Pick<Engine, "db" | "reads" | "readMsMax" | "calls">;

export function recordStore(engine: RecordEngine): Records {
  const { db, reads, readMsMax, calls } = engine;
  const source = sourceOf(calls);
  const turns = new ReadTurns(readMsMax);
  const expiry = new Expiry(calls.stepRows ?? EXPIRY_ROWS);
  return {
    requests: (organizationId, page = {}, filter = {}) =>
      turns.take(organizationId, async (late) => {
        const limit = limitOf(page.limit);
        const entries: StoredCall[] = [];
        for await (const step of callSteps(reads, calls, { ...page, organizationId }, late)) {
          const query = filtered(within(reads.selectFrom(source).select(calls.columns), step), page, filter);
          const rows = await newestFirst(query)
            .limit(limit - entries.length)
            .execute();
          entries.push(...rows.map((row) => calls.entryOf(row as CallColumns)));
          if (entries.length >= limit) break;
        }
        return entries;
      }),
    audits: (organizationId, page = {}, filter = {}) =>
      turns.take(organizationId ?? OF_NONE, (late) => listEvents(engine, organizationId, page, filter, late)),
    request: async (organizationId, id) => {
      const row = await db
        .selectFrom("requestLogs")
        .select(calls.columns)
        .where("organizationId", "=", organizationId)
        .where("startedAt", "=", instant(timeInUuid(id, 0)))
        .where("id", "=", id)
        .executeTakeFirst();
      return row && calls.entryOf(row as CallColumns);
    },
    contents: (organizationId, callIds) =>
      turns.take(organizationId, () => contentsOf(reads, organizationId, callIds)),
    tallies: (organizationId, from, before) =>
      turns.take(organizationId, async (late) => {
        const tallies = new CallTallies();
        for await (const step of callSteps(reads, calls, { organizationId, from, before }, late)) {
          const rows = await within(reads.selectFrom(source), step)
            .select(["serverName", "target", "method", "status"])
            .select(({ fn }) => [
              fn.countAll<number>().as("calls"),
              fn.sum<number | null>("durationMs").as("durationMsSum"),
              fn.count<number>("durationMs").as("timed"),
            ])
            .groupBy(["serverName", "target", "method", "status"])
            .orderBy("calls", "desc")
            .limit(KINDS_MAX)
            .execute();
          for (const { calls: count, durationMsSum, timed, ...kind } of rows)
            tallies.add(kind, Number(count), Number(durationMsSum), Number(timed));
          tallies.bound();
        }
        return tallies.result();
      }),
    expirePayloads: async (organizationId, before, limit) => {
      const run = <Row extends { readonly at: number }>(table: string, rows: ExpiringRows<Row>) =>
        expiry.run(`${table} ${organizationId}`, before, limit, rows);
      const contents = await run("contents", contentsWithin(engine, organizationId));
      if (contents >= limit) return contents;
      return (
        contents +
        (await run("calls", callsOf(engine, organizationId))) +
        (await run("events", eventsOf(engine, organizationId)))
      );
    },
    heads: async () => {
      const rows = await db.selectFrom("auditChains").selectAll().orderBy("chainId").execute();
      return rows.map(({ chainId, headSeq, headLink, updatedAt }) => ({
        chainId,
        sequence: headSeq,
        link: headLink,
        updatedAt,
      }));
    },
    chain: (chainId, after, limit) => chainRecords(db, calls, chainId, after, limitOf(limit)),
  };
}

/** Both have the same columns; one name keeps the types of the queries readable. */
function sourceOf(calls: CallTable): "requestLogs" {
  return calls.source as "requestLogs";
}

/** Without what says where in the list it begins. */
function filtered<O>(
  calls: SelectQueryBuilder<Schema, "requestLogs", O>,
  { namespaceId }: LogPageRequest,
  { server, status, ...columns }: CallFilter,
): SelectQueryBuilder<Schema, "requestLogs", O> {
  let query = calls;
  if (namespaceId !== undefined) query = query.where("namespaceId", "=", namespaceId);
  // An end that is not there yet is shown as this, but in a record that expired before.
  if (status === "running") {
    query = query.where("status", "is", null).where("method", "is not", null);
  } else if (status !== undefined) query = query.where("status", "=", status);
  for (const [column, value] of Object.entries({ ...columns, serverName: server })) {
    if (value !== undefined) query = query.where(column as keyof typeof columns | "serverName", "=", value);
  }
  return query;
}

/** Found by the reader and emptied by the writer: whoever writes meanwhile waits for the second alone. */
function callsOf(
  { db, reads, calls }: RecordEngine,
  organizationId: string | null,
): ExpiringRows<{ readonly at: number; readonly key: unknown }> {
  const [rowKey] = calls.key;
  const own = (from: number, before: number) =>
    reads
      .selectFrom(sourceOf(calls))
      .where("organizationId", equals(organizationId), organizationId)
      .where("startedAt", ">=", instant(from))
      .where("startedAt", "<", instant(before))
      .orderBy("startedAt");
  return {
    timeAfter: async (from, before, rows) =>
      (await own(from, before).select("startedAt").limit(1).offset(rows).executeTakeFirst())?.startedAt,
    kept: (from, before, limit) =>
      own(from, before)
        .where("method", "is not", null)
        .select(["startedAt as at", `${rowKey} as key`])
        .limit(limit)
        .execute(),
    empty: async (rows) => {
      const { numUpdatedRows } = await db
        .updateTable("requestLogs")
        .set(calls.expired)
        .where("startedAt", "<=", instant(rows.at(-1)?.at ?? 0))
        .where(
          rowKey,
          "in",
          rows.map(({ key }) => key as string),
        )
        .executeTakeFirst();
      return Number(numUpdatedRows);
    },
  };
}

/**
 * Each source gives its first `limit` records, so the first `limit` of all are among them. Ends near their intents are
 * found by these: with the intents that follow `after`, and with those before that ended after it.
 */
async function chainRecords(
  db: Kysely<Schema>,
  calls: CallTable,
  chainId: string,
  after: number,
  limit: number,
): Promise<StoredRecord[]> {
  const ofCalls = db.selectFrom("requestLogs").select(calls.columns);
  const begun = await ofCalls
    .where("chainId", "=", chainId)
    .where("chainSeq", ">", after)
    .orderBy("chainSeq")
    .limit(limit)
    .execute();
  const endedNear = await ofCalls
    .where("chainId", "=", chainId)
    .where("chainSeq", ">", after - nearMax)
    .where("chainSeq", "<=", after)
    .where("endChainId", "is", null)
    .where("endChainSeq", ">", after)
    .execute();
  const endedFar = await ofCalls
    .where("endChainId", "=", chainId)
    .where("endChainSeq", ">", after)
    .orderBy("endChainSeq")
    .limit(limit)
    .execute();
  const begunNear = begun.filter((row) => row.endChainId === null && row.endChainSeq !== null);
  const ends = [...begunNear, ...endedNear, ...endedFar];
  const entryOf = (row: (typeof begun)[number]) => calls.entryOf(row as CallColumns);
  const contents = await db
    .selectFrom("requestContents")
    .selectAll()
    .where("chainId", "=", chainId)
    .where("chainSeq", ">", after)
    .orderBy("chainSeq")
    .limit(limit)
    .execute();
  const audits = await db
    .selectFrom("auditLogs")
    .selectAll()
    .where("chainId", "=", chainId)
    .where("chainSeq", ">", after)
    .orderBy("chainSeq")
    .limit(limit)
    .execute();
  const checkpoints = await db
    .selectFrom("auditCheckpoints")
    .selectAll()
    .where("chainId", "=", chainId)
    .where("chainSeq", ">", after)
    .orderBy("chainSeq")
    .limit(limit)
    .execute();
  const records = [
    ...begun.map((row) => begunRecord(entryOf(row))),
    ...ends.flatMap((row) => endedRecord(entryOf(row)) ?? []),
    ...contents.map(contentRecord),
    ...audits.map(auditRecord),
    ...checkpoints.map(checkpointRecord),
  ];
  return records.sort((a, b) => a.link.sequence - b.link.sequence).slice(0, limit);
}
