import type { Kysely } from "kysely";
import type { StoredRecord } from "../model/ports/record-sink.ts";
import type { Records } from "../model/ports/store.ts";
import { timeInUuid } from "../model/uuid-time.ts";
import { begunRecord, type CallColumns, type CallTable, endedRecord, nearMax } from "./call-table.ts";
import type { Engine } from "./engine.ts";
import { instant } from "./instant.ts";
import { equals } from "./null-column.ts";
import { limitOf } from "./page.ts";
import { contentRecord, contentsOf, expireContents } from "./record-contents.ts";
import { auditEntry, auditRecord, checkpointRecord } from "./record-rows.ts";
import type { Schema } from "./schema.ts";

export function recordStore({ db, calls }: Pick<Engine, "db" | "calls">): Records {
  const source = sourceOf(calls);
  return {
    requests: async (organizationId, page = {}, filter = {}) => {
      let query = db
        .selectFrom(source)
        .select(calls.columns)
        .where("organizationId", "=", organizationId)
        .orderBy("startedAt", "desc")
        .orderBy("id", "desc")
        .limit(limitOf(page.limit));
      if (page.namespaceId !== undefined) query = query.where("namespaceId", "=", page.namespaceId);
      if (page.from !== undefined) query = query.where("startedAt", ">=", instant(page.from));
      if (page.before !== undefined) query = query.where("startedAt", "<", instant(page.before));
      const { server, status, ...columns } = filter;
      // An end that is not there yet is shown as this, but in a record that expired before.
      if (status === "running") {
        query = query.where("status", "is", null).where("method", "is not", null);
      } else if (status !== undefined) query = query.where("status", "=", status);
      for (const [column, value] of Object.entries({ ...columns, serverName: server })) {
        if (value !== undefined)
          query = query.where(column as keyof typeof columns | "serverName", "=", value);
      }
      const { after } = page;
      if (after !== undefined) {
        query = query.where(({ eb, and, or }) =>
          or([
            eb("startedAt", "<", instant(after.at)),
            and([eb("startedAt", "=", instant(after.at)), eb("id", "<", after.id)]),
          ]),
        );
      }
      return (await query.execute()).map((row) => calls.entryOf(row as CallColumns));
    },
    audits: async (organizationId, page = {}, filter = {}) => {
      let query = db
        .selectFrom("auditLogs")
        .selectAll()
        .where("organizationId", "=", organizationId)
        .orderBy("loggedAt", "desc")
        .orderBy("chainId", "desc")
        .orderBy("chainSeq", "desc")
        .limit(limitOf(page.limit));
      if (page.namespaceId !== undefined) query = query.where("namespaceId", "=", page.namespaceId);
      if (page.from !== undefined) query = query.where("loggedAt", ">=", instant(page.from));
      if (page.before !== undefined) query = query.where("loggedAt", "<", instant(page.before));
      for (const [column, value] of Object.entries(filter)) {
        if (value !== undefined) query = query.where(column as keyof typeof filter, "=", value);
      }
      const { after } = page;
      if (after !== undefined) {
        const at = instant(after.at);
        query = query.where(({ eb, and, or }) =>
          or([
            eb("loggedAt", "<", at),
            and([eb("loggedAt", "=", at), eb("chainId", "<", after.id)]),
            and([eb("loggedAt", "=", at), eb("chainId", "=", after.id), eb("chainSeq", "<", after.sequence)]),
          ]),
        );
      }
      return (await query.execute()).map(auditEntry);
    },
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
    contents: (organizationId, callIds) => contentsOf(db, organizationId, callIds),
    tallies: async (organizationId, from, before) => {
      const rows = await db
        .selectFrom(source)
        .select(["serverName", "target", "method", "status"])
        .select(({ fn }) => [
          fn.countAll<number>().as("calls"),
          fn.avg<number | null>("durationMs").as("durationMsMean"),
        ])
        .where("organizationId", "=", organizationId)
        .where("startedAt", ">=", instant(from))
        .where("startedAt", "<", instant(before))
        .groupBy(["serverName", "target", "method", "status"])
        .orderBy("calls", "desc")
        .limit(1_000)
        .execute();
      return rows.map((row) => ({
        ...row,
        calls: Number(row.calls),
        durationMsMean: row.durationMsMean === null ? null : Number(row.durationMsMean),
      }));
    },
    expirePayloads: async (organizationId, before, limit) =>
      (await expireCalls(db, calls, organizationId, before, limit)) +
      (await expireContents(db, organizationId, before, limit)) +
      (await expireAudits(db, organizationId, before, limit)),
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

async function expireCalls(
  db: Kysely<Schema>,
  calls: CallTable,
  organizationId: string | null,
  before: number,
  limit: number,
): Promise<number> {
  const [rowKey] = calls.key;
  const { numUpdatedRows } = await db
    .updateTable("requestLogs")
    .set(calls.expired)
    .where("startedAt", "<", instant(before))
    .where(rowKey, "in", (select) =>
      select
        .selectFrom(sourceOf(calls))
        .select(rowKey)
        .where("organizationId", equals(organizationId), organizationId)
        .where("startedAt", "<", instant(before))
        .where("method", "is not", null)
        .orderBy("startedAt")
        .limit(limit),
    )
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

/** The journal's own: they name other chains' ends, which a verification asks for, and nobody. */
const JOURNAL_ACTIONS = "journal.%";

/** An expired record has no action, which is like nothing. */
async function expireAudits(
  db: Kysely<Schema>,
  organizationId: string | null,
  before: number,
  limit: number,
): Promise<number> {
  const oldest = await db
    .selectFrom("auditLogs")
    .select(["chainId", "chainSeq"])
    .where("organizationId", equals(organizationId), organizationId)
    .where("loggedAt", "<", instant(before))
    .where("action", "not like", JOURNAL_ACTIONS)
    .orderBy("loggedAt")
    .limit(limit)
    .execute();
  let count = 0;
  for (const chainId of new Set(oldest.map((row) => row.chainId))) {
    const sequences = oldest.filter((row) => row.chainId === chainId).map(({ chainSeq }) => chainSeq);
    const { numUpdatedRows } = await db
      .updateTable("auditLogs")
      .set({
        namespaceId: null,
        action: null,
        actor: null,
        target: null,
        correlationId: null,
        clientAddress: null,
        detailText: null,
        salt: null,
      })
      .where("organizationId", equals(organizationId), organizationId)
      .where("chainId", "=", chainId)
      .where(
        "chainSeq",
        ">=",
        sequences.reduce((least, next) => Math.min(least, next)),
      )
      .where(
        "chainSeq",
        "<=",
        sequences.reduce((most, next) => Math.max(most, next)),
      )
      .where("loggedAt", "<", instant(before))
      .where("action", "not like", JOURNAL_ACTIONS)
      .executeTakeFirst();
    count += Number(numUpdatedRows);
  }
  return count;
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
