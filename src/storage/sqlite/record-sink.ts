import { Database, type Statement } from "bun:sqlite";
import {
  type CallEndRow,
  type CallRow,
  type DrainedRecord,
  type RecordSink,
  RecordsRefused,
} from "../../model/ports/record-sink.ts";
import {
  auditColumns,
  type Columns,
  checkpointColumns,
  headColumns,
  onConflict,
  rowsOf,
  type Value,
} from "../record-columns.ts";
import { contentColumns, contentValues } from "../record-contents.ts";
import { type CallValue, callColumns, endColumns, putCall, putEnd } from "./call-table.ts";
import { isUnavailable } from "./fault.ts";

/** Rows of one insert where there are many: binding goes to the database once for all of them. */
const ROWS_AT_ONCE = 16;

function insertInto(table: string, names: readonly string[], conflict: string, rows = 1): string {
  const row = `(${names.map(() => "?").join()})`;
  return `insert into ${table} (${names.join()}) values ${Array(rows).fill(row).join()} ${conflict}`;
}
function insertRow(table: string, columns: Columns, conflict: string): string {
  return insertInto(table, Object.keys(columns), conflict);
}

/** The record is there already; the first end of a call counts. */
const onCallConflict = `on conflict (chain_id, chain_seq) do update set ${endColumns
  .map((name) => `${name} = excluded.${name}`)
  .join()} where request_logs.status is null and excluded.status is not null`;
/** By its index; a call's id holds its time. */
const ofCall = "organization_id is ?1 and started_at = ?2 and id = ?3";
const statementTexts = {
  call: insertInto("request_logs", callColumns, onCallConflict),
  calls: insertInto("request_logs", callColumns, onCallConflict, ROWS_AT_ONCE),
  contents: insertRow("request_contents", contentColumns, onConflict.contents),
  audits: insertRow("audit_logs", auditColumns, onConflict.audits),
  checkpoints: insertRow("audit_checkpoints", checkpointColumns, onConflict.checkpoints),
  heads: insertRow("audit_chains", headColumns, onConflict.heads),
  end: `update request_logs set ${endColumns.map((name, index) => `${name} = ?${index + 4}`).join()}
    where ${ofCall} and status is null`,
  known: `select 1 from request_logs where ${ofCall}`,
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
    this.#insertCalls(rows.calls);
    for (const end of rows.ends) this.#end(end);
    this.#insert("contents", rows.contents.map(contentValues));
    this.#insert("audits", rows.audits);
    this.#insert("checkpoints", rows.checkpoints);
    this.#insert("heads", rows.heads);
    this.#database.run("COMMIT");
  }

  #insertCalls(rows: readonly CallRow[]): void {
    const width = callColumns.length;
    const values: CallValue[] = [];
    const whole = rows.length - (rows.length % ROWS_AT_ONCE);
    for (const [index, row] of rows.entries()) {
      const turn = index % ROWS_AT_ONCE;
      putCall(values, turn * width, row);
      if (turn === ROWS_AT_ONCE - 1) this.#statement("calls").run(...values);
      else if (index >= whole) this.#statement("call").run(...values.slice(turn * width, (turn + 1) * width));
    }
  }

  #insert(name: keyof typeof onConflict, rows: readonly Value[][]): void {
    if (rows.length === 0) return;
    const statement = this.#statement(name);
    for (const values of rows) statement.run(...values);
  }

  #end({ id, startedAt, end, link }: CallEndRow): void {
    const values: CallValue[] = [link.tenant || null, startedAt, id];
    putEnd(values, values.length, end, link, false);
    if (this.#statement("end").run(...values).changes > 0) return;
    if (this.#statement("known").get(...values.slice(0, 3)) === null) {
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
