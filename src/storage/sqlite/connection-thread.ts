/**
 * A thread that owns one connection to a SQLite file: a write waiting for the file's lock, or a query over much of the
 * record, stops this thread's loop and not the gateway's. Imports nothing but the driver, so that it is small and starts
 * in milliseconds.
 */
import { Database, type SQLQueryBindings, type Statement } from "bun:sqlite";

declare const self: Worker;

export type SqliteValue = SQLQueryBindings;
export interface ConnectionOptions {
  readonly path: string;
  /** `read` takes a file that is there, and changes nothing. */
  readonly access: "read" | "write";
  /** Longest wait for the file's lock. */
  readonly busyTimeoutMs: number;
  /** Of writes. */
  readonly synchronous: "NORMAL" | "FULL";
}
export type ThreadRequest =
  | { readonly id: number; readonly open: ConnectionOptions }
  | { readonly id: number; readonly sql: string; readonly parameters: readonly SqliteValue[] }
  | { readonly id: number; readonly close: true };
export type ThreadAnswer =
  | { readonly id: number; readonly rows: unknown[]; readonly changes: number }
  | { readonly id: number; readonly code: string; readonly message: string };

const STATEMENTS_MAX = 100;

let database: Database | undefined;
const statements = new Map<string, Statement>();

function open({ path, access, busyTimeoutMs, synchronous }: ConnectionOptions): void {
  const opened = new Database(
    path,
    access === "read" ? { readonly: true } : { create: true, readwrite: true },
  );
  database = opened;
  opened.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  if (access === "read") return;
  opened.run("PRAGMA journal_mode = WAL");
  opened.run(`PRAGMA synchronous = ${synchronous}`);
  opened.run("PRAGMA foreign_keys = ON");
  // Without a limit a write-ahead log that once grew large stays so.
  opened.run("PRAGMA journal_size_limit = 67108864");
}

function statementFor(sql: string): Statement {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  if (database === undefined) throw new Error("the database is not open");
  if (statements.size >= STATEMENTS_MAX) {
    for (const statement of statements.values()) statement.finalize();
    statements.clear();
  }
  const statement = database.prepare(sql);
  statements.set(sql, statement);
  return statement;
}

function perform(request: ThreadRequest): ThreadAnswer {
  const { id } = request;
  if ("open" in request) {
    open(request.open);
    return { id, rows: [], changes: 0 };
  }
  if ("close" in request) {
    for (const statement of statements.values()) statement.finalize();
    database?.close();
    return { id, rows: [], changes: 0 };
  }
  const statement = statementFor(request.sql);
  if (statement.columnNames.length > 0) {
    const rows = statement.all(...request.parameters);
    return { id, rows, changes: rows.length };
  }
  return { id, rows: [], changes: statement.run(...request.parameters).changes };
}

self.onmessage = ({ data: request }: MessageEvent<ThreadRequest>) => {
  let answer: ThreadAnswer;
  try {
    answer = perform(request);
  } catch (failure) {
    const { code, message } = failure as { code?: string; message: string };
    answer = { id: request.id, code: code ?? "", message };
  }
  self.postMessage(answer);
};
