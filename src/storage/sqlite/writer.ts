/**
 * The thread that owns the writing connection of one SQLite file: a write waiting for the file's lock stops this
 * thread's loop and not the gateway's. Imports nothing but the driver, so that it is small and starts in milliseconds.
 */
import { Database, type SQLQueryBindings, type Statement } from "bun:sqlite";

declare const self: Worker;

export type SqliteValue = SQLQueryBindings;
export interface WriterOptions {
  readonly path: string;
  /** Longest wait for the file's lock. */
  readonly busyTimeoutMs: number;
  readonly synchronous: "NORMAL" | "FULL";
}
export type WriterRequest =
  | { readonly id: number; readonly open: WriterOptions }
  | { readonly id: number; readonly sql: string; readonly parameters: readonly SqliteValue[] }
  | { readonly id: number; readonly close: true };
export type WriterAnswer =
  | { readonly id: number; readonly rows: unknown[]; readonly changes: number }
  | { readonly id: number; readonly code: string; readonly message: string };

const STATEMENTS_MAX = 100;

let database: Database | undefined;
const statements = new Map<string, Statement>();

function open({ path, busyTimeoutMs, synchronous }: WriterOptions): void {
  const opened = new Database(path, { create: true, readwrite: true });
  opened.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  opened.run("PRAGMA journal_mode = WAL");
  opened.run(`PRAGMA synchronous = ${synchronous}`);
  opened.run("PRAGMA foreign_keys = ON");
  // Without a limit a write-ahead log that once grew large stays so.
  opened.run("PRAGMA journal_size_limit = 67108864");
  database = opened;
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

function perform(request: WriterRequest): WriterAnswer {
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

self.onmessage = ({ data: request }: MessageEvent<WriterRequest>) => {
  let answer: WriterAnswer;
  try {
    answer = perform(request);
  } catch (failure) {
    const { code, message } = failure as { code?: string; message: string };
    answer = { id: request.id, code: code ?? "", message };
  }
  self.postMessage(answer);
};
