/** A sink on real SQLite for tests, in this thread or, as the worker of `drainInThread`, in its own. */
import { Database } from "bun:sqlite";
import { isMainThread } from "node:worker_threads";
import {
  type CallEndFields,
  type ChainLink,
  type DrainedRecord,
  type RecordSink,
  RecordsRefused,
  type StoredRecord,
} from "../model/ports/record-sink.ts";
import { serveDrain } from "./drain-thread.ts";

export interface SampleSinkOptions {
  readonly path: string;
  /** Records of this target are refused; ones of `plainErrorTarget` fail without saying why. */
  readonly refusedTarget?: string;
  readonly plainErrorTarget?: string;
}

export class SampleSink implements RecordSink {
  readonly name = "sample";
  readonly #options: SampleSinkOptions;
  readonly #database: Database;
  /** While set, each write throws it. */
  outage: Error | undefined;
  writes = 0;

  constructor(options: SampleSinkOptions) {
    this.#options = options;
    this.#database = new Database(options.path, { create: true });
    this.#database.run("PRAGMA journal_mode = WAL");
    this.#database.run("PRAGMA busy_timeout = 5000");
    this.#database.run(
      `CREATE TABLE IF NOT EXISTS request_logs (id TEXT PRIMARY KEY, started_at INTEGER, call TEXT, status TEXT, error_code TEXT,
       duration_ms REAL, result_bytes INTEGER, chain TEXT, sequence INTEGER, link TEXT, end_chain TEXT, end_sequence INTEGER, end_link TEXT)`,
    );
    this.#database.run(
      "CREATE TABLE IF NOT EXISTS audit_logs (id TEXT PRIMARY KEY, chain TEXT, sequence INTEGER, content TEXT)",
    );
  }

  async write(batch: readonly DrainedRecord[]): Promise<void> {
    this.writes++;
    if (this.outage !== undefined) throw this.outage;
    this.#database.transaction(() => batch.forEach((record) => this.#keep(record)))();
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #keep(record: DrainedRecord): void {
    const { link } = record;
    if (record.row === "audit" || record.row === "checkpoint" || record.row === "content") {
      this.#database
        .query("INSERT INTO audit_logs VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
        .run(record.id, link.chainId, link.sequence, JSON.stringify(record));
      return;
    }
    if (record.row === "call") {
      const { target } = record.call;
      if (target !== undefined && target === this.#options.refusedTarget)
        throw new RecordsRefused("check failed");
      if (target !== undefined && target === this.#options.plainErrorTarget)
        throw new Error("constraint failed");
      this.#database
        .query(
          "INSERT INTO request_logs (id, started_at, call, chain, sequence, link) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .run(
          record.id,
          record.startedAt,
          JSON.stringify(record.call),
          link.chainId,
          link.sequence,
          JSON.stringify(link),
        );
      if (record.end !== undefined) this.#end(record.id, record.end, record.endLink);
      return;
    }
    this.#end(record.id, record.end, link);
  }

  #end(id: string, end: CallEndFields, link: ChainLink | undefined): void {
    this.#database
      .query(
        `UPDATE request_logs SET status = ?, error_code = ?, duration_ms = ?, result_bytes = ?, end_chain = ?, end_sequence = ?, end_link = ?
         WHERE id = ? AND status IS NULL`,
      )
      .run(
        end.status,
        end.errorCode ?? null,
        end.durationMs,
        end.resultBytes,
        link?.chainId ?? null,
        link?.sequence ?? null,
        link === undefined ? null : JSON.stringify(link),
        id,
      );
  }

  statuses(): Map<string, string | null> {
    const rows = this.#database.query("SELECT id, status FROM request_logs").all() as {
      id: string;
      status: string | null;
    }[];
    return new Map(rows.map((row) => [row.id, row.status]));
  }

  /** As `verifyStore` wants them: intents, ends, the rest. */
  streams(): AsyncIterable<StoredRecord>[] {
    return [this.#calls(), this.#ends(), this.#audits()];
  }
  async *#calls(): AsyncGenerator<StoredRecord> {
    for (const row of this.#rows("SELECT * FROM request_logs ORDER BY chain, sequence")) {
      const link = JSON.parse(row.link ?? "") as ChainLink;
      const end = row.status === null || link.kind === "call_intent" ? undefined : endOf(row);
      const call = JSON.parse(row.call) as Extract<DrainedRecord, { row: "call" }>["call"];
      yield { link, content: { row: "call", id: row.id, startedAt: 0, call, link, end, endLink: undefined } };
    }
  }
  async *#ends(): AsyncGenerator<StoredRecord> {
    for (const row of this.#rows(
      "SELECT * FROM request_logs WHERE end_chain IS NOT NULL ORDER BY end_chain, end_sequence",
    )) {
      const link = JSON.parse(row.end_link ?? "") as ChainLink;
      yield { link, content: { row: "call_end", id: row.id, startedAt: 0, end: endOf(row), link } };
    }
  }
  async *#audits(): AsyncGenerator<StoredRecord> {
    const query = this.#database.query("SELECT content FROM audit_logs ORDER BY chain, sequence");
    for (const row of query.iterate() as IterableIterator<{ content: string }>) {
      const content = JSON.parse(row.content) as DrainedRecord;
      yield { link: content.link, content };
    }
  }
  #rows(sql: string): IterableIterator<LogRow> {
    return this.#database.query(sql).iterate() as IterableIterator<LogRow>;
  }
}

interface LogRow {
  readonly id: string;
  readonly call: string;
  readonly status: CallEndFields["status"] | null;
  readonly error_code: string | null;
  readonly duration_ms: number;
  readonly result_bytes: number;
  readonly link: string | null;
  readonly end_link: string | null;
}

function endOf(row: LogRow): CallEndFields {
  return {
    status: row.status ?? "unknown",
    errorCode: row.error_code ?? undefined,
    durationMs: row.duration_ms,
    resultBytes: row.result_bytes,
  };
}

if (!isMainThread) serveDrain(async (options) => [new SampleSink(options as SampleSinkOptions)]);
