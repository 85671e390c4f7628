import { type DrainedRecord, type RecordSink, RecordsRefused } from "../../model/ports/record-sink.ts";
import {
  auditColumns,
  type ColumnKind,
  type Columns,
  checkpointColumns,
  headColumns,
  onConflict,
  rowsOf,
  type Value,
} from "../record-columns.ts";
import { contentColumns, contentValues } from "../record-contents.ts";
import { callColumns, callValues, endColumns, endValues } from "./call-table.ts";
import { type PooledConnection, type PoolOptions, PostgresConnections } from "./connections.ts";
import { isUnavailable } from "./fault.ts";

const types: Readonly<Record<ColumnKind, string>> = {
  uuid: "uuid",
  text: "text",
  bigint: "bigint",
  real: "double precision",
  time: "timestamptz",
};

/** A batch travels as one JSON parameter: one statement text, prepared once, for any number of rows. */
function recordset(columns: Columns): string {
  const fields = Object.entries(columns).map(([name, kind]) => `${name} ${types[kind]}`);
  return `json_to_recordset($1::text::json) as given(${fields.join()})`;
}
function insertInto(table: string, columns: Columns, conflict: string): string {
  const names = Object.keys(columns).join();
  return `insert into ${table} (${names}) select ${names} from ${recordset(columns)} ${conflict}`;
}

const [, , ...ended] = Object.keys(endColumns);
/** The first end of a call counts. */
const onCallConflict = `on conflict (id, started_at) do update set ${ended
  .map((name) => `${name} = excluded.${name}`)
  .join()} where request_logs.status is null and excluded.status is not null`;
const texts = {
  calls: insertInto("request_logs", callColumns, onCallConflict),
  contents: insertInto("request_contents", contentColumns, onConflict.contents),
  audits: insertInto("audit_logs", auditColumns, onConflict.audits),
  checkpoints: insertInto("audit_checkpoints", checkpointColumns, onConflict.checkpoints),
  heads: insertInto("audit_chains", headColumns, onConflict.heads),
  ends: `update request_logs set ${ended.map((name) => `${name} = given.${name}`).join()}
    from ${recordset(endColumns)} where request_logs.id = given.id
    and request_logs.started_at = given.started_at and request_logs.status is null`,
  missing: `select given.id from ${recordset(endColumns)} where not exists (select 1 from request_logs
    where request_logs.id = given.id and request_logs.started_at = given.started_at) limit 1`,
};

/** Writes what the journal drains. The tables must be there (`migrateUp`). */
export class PostgresRecordSink implements RecordSink {
  readonly name = "store";
  readonly #connections: PostgresConnections;

  constructor(options: Omit<PoolOptions, "poolMax">) {
    this.#connections = new PostgresConnections({ ...options, poolMax: 1 });
  }

  async write(batch: readonly DrainedRecord[]): Promise<void> {
    const connection = await this.#connections.acquire();
    try {
      await connection.run("begin", []);
      await this.#write(connection, batch);
      await connection.run("commit", []);
    } catch (failure) {
      await connection.run("rollback", []).catch(() => connection.discard());
      if (failure instanceof RecordsRefused || isUnavailable(failure) || !(failure instanceof Error))
        throw failure;
      throw new RecordsRefused(failure.message, { cause: failure });
    } finally {
      this.#connections.release(connection);
    }
  }

  async #write(connection: PooledConnection, batch: readonly DrainedRecord[]): Promise<void> {
    const rows = rowsOf(batch, Date.now());
    const put = async (text: string, columns: Columns, values: readonly Value[][]): Promise<number> => {
      if (values.length === 0) return 0;
      return (await connection.run(text, [asJson(columns, values)])).count ?? 0;
    };
    await put(texts.calls, callColumns, rows.calls.map(callValues));
    const ends = rows.ends.map(({ id, startedAt, end, link }) => [id, startedAt, ...endValues(end, link)]);
    if ((await put(texts.ends, endColumns, ends)) < ends.length) {
      const missing = await connection.run(texts.missing, [asJson(endColumns, ends)]);
      if (missing.length > 0) throw new RecordsRefused("a call that ended is not in the store");
    }
    await put(texts.contents, contentColumns, rows.contents.map(contentValues));
    await put(texts.audits, auditColumns, rows.audits);
    await put(texts.checkpoints, checkpointColumns, rows.checkpoints);
    await put(texts.heads, headColumns, rows.heads);
  }

  close(): Promise<void> {
    return this.#connections.close();
  }
}

function asJson(columns: Columns, rows: readonly Value[][]): string {
  const entries = Object.entries(columns);
  return JSON.stringify(
    rows.map((values) => {
      const row: Record<string, Value> = {};
      for (const [index, [name, kind]] of entries.entries()) {
        const value = values[index] ?? null;
        row[name] = kind === "time" && value !== null ? new Date(value).toISOString() : value;
      }
      return row;
    }),
  );
}
