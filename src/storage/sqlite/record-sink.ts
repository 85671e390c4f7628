import { Database, type Statement } from "bun:sqlite";
import { type DrainedRecord, type RecordSink, RecordsRefused } from "../../model/ports/record-sink.ts";
import {
  auditColumns,
  type Columns,
  checkpointColumns,
  endColumns,
  headColumns,
  onConflict,
  requestColumns,
  rowsOf,
  type Value,
} from "../record-columns.ts";
import { contentColumns, contentValues } from "../record-contents.ts";
import { isUnavailable } from "./fault.ts";

/** Rows of one insert where there are many: binding goes to the database once for all of them. */
const ROWS_AT_ONCE = 16;

function insertInto(table: string, columns: Columns, conflict: string, rows = 1): string {
  const names = Object.keys(columns);
  const row = `(${names.map(() => "?").join()})`;
  return `insert into ${table} (${names.join()}) values ${Array(rows).fill(row).join()} ${conflict}`;
}

const [, , ...ended] = Object.keys(endColumns);
const statementTexts = {
  requests: insertInto("request_logs", requestColumns, onConflict.requests),
  manyRequests: insertInto("request_logs", requestColumns, onConflict.requests, ROWS_AT_ONCE),
  contents: insertInto("request_contents", contentColumns, onConflict.contents),
  audits: insertInto("audit_logs", auditColumns, onConflict.audits),
  checkpoints: insertInto("audit_checkpoints", checkpointColumns, onConflict.checkpoints),
  heads: insertInto("audit_chains", headColumns, onConflict.heads),
  // The key comes first among the values.
  end: `update request_logs set ${ended.map((name, index) => `${name} = ?${index + 3}`).join()}
    where id = ?1 and started_at = ?2 and status is null`,
  call: "select 1 from request_logs where id = ?1 and started_at = ?2",
};

/**
 * Writes what the journal drains, on the calling thread: open it in the drain's thread, where a wait for the file's lock
 * stops nobody. The tables must be there (`migrateUp`).
 */
export class SqliteRecordSink implements RecordSink {
  readonly name = "store";
  readonly #database: Database;
  readonly #statements = new Map<keyof typeof statementTexts, Statement>();

  constructor({ path, busyTimeoutMs = 5_000 }: { readonly path: string; readonly busyTimeoutMs?: number }) {
    this.#database = new Database(path, { readwrite: true });
    this.#database.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    // The journal is what survives a power cut; the batch is drained again.
    this.#database.run("PRAGMA synchronous = NORMAL");
    // 16 MiB instead of 4: small batches write the same index pages again and again, measured 8 against 18 µs a row.
    this.#database.run("PRAGMA wal_autocheckpoint = 4000");
  }

  write(batch: readonly DrainedRecord[]): Promise<void> {
    try {
      this.#write(batch);
      return Promise.resolve();
    } catch (failure) {
      if (this.#database.inTransaction) this.#database.run("ROLLBACK");
      if (failure instanceof RecordsRefused || isUnavailable(failure)) return Promise.reject(failure);
      const isAnswer = failure instanceof Error && "code" in failure;
      return Promise.reject(isAnswer ? new RecordsRefused(failure.message, { cause: failure }) : failure);
    }
  }

  #write(batch: readonly DrainedRecord[]): void {
    const rows = rowsOf(batch, Date.now());
    this.#database.run("BEGIN IMMEDIATE");
    this.#insertRequests(rows.requests);
    for (const values of rows.ends) this.#end(values);
    this.#insert("contents", rows.contents.map(contentValues));
    this.#insert("audits", rows.audits);
    this.#insert("checkpoints", rows.checkpoints);
    this.#insert("heads", rows.heads);
    this.#database.run("COMMIT");
  }

  #insertRequests(rows: readonly Value[][]): void {
    const whole = rows.length - (rows.length % ROWS_AT_ONCE);
    for (let at = 0; at < whole; at += ROWS_AT_ONCE) {
      this.#statement("manyRequests").run(...rows.slice(at, at + ROWS_AT_ONCE).flat());
    }
    this.#insert("requests", rows.slice(whole));
  }

  #insert(name: keyof typeof onConflict, rows: readonly Value[][]): void {
    if (rows.length === 0) return;
    const statement = this.#statement(name);
    for (const values of rows) statement.run(...values);
  }

  #end(values: readonly Value[]): void {
    if (this.#statement("end").run(...values).changes > 0) return;
    const [id, startedAt] = values;
    if (this.#statement("call").get(id ?? null, startedAt ?? null) === null) {
      throw new RecordsRefused(`the call ${id} that ended is not in the store`);
    }
  }

  #statement(name: keyof typeof statementTexts): Statement {
    let statement = this.#statements.get(name);
    if (statement === undefined) {
      statement = this.#database.prepare(statementTexts[name]);
      this.#statements.set(name, statement);
    }
    return statement;
  }

  close(): Promise<void> {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    this.#database.close();
    return Promise.resolve();
  }
}
