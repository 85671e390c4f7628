import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from "kysely";
import type { SqliteValue } from "./connection-thread.ts";
import type { SqliteConnections } from "./connections.ts";
import { faultOf, isUnavailable } from "./fault.ts";
import type { Rows } from "./threaded-connection.ts";

class SqliteConnection implements DatabaseConnection {
  readonly #connections: SqliteConnections;
  #release: (() => void) | undefined;
  #epoch = 0;

  constructor(connections: SqliteConnections) {
    this.#connections = connections;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const parameters = query.parameters.map(bindable);
    try {
      if (this.#release === undefined && query.query.kind === "SelectQueryNode") {
        const rows = this.#readHere(query.sql, parameters);
        if (rows !== undefined) return { rows: rows as R[] };
      }
      const { rows, changes } = await this.#write(query.sql, parameters);
      return { rows: rows as R[], numAffectedRows: BigInt(changes) };
    } catch (failure) {
      throw faultOf(failure);
    }
  }

  /** `undefined` where the file is locked against reading (recovery, last close of another process): then the writer waits. */
  #readHere(sql: string, parameters: readonly SqliteValue[]): unknown[] | undefined {
    try {
      return this.#connections.read(sql, parameters);
    } catch (failure) {
      if (isUnavailable(failure)) return undefined;
      throw failure;
    }
  }

  #write(sql: string, parameters: readonly SqliteValue[]): Promise<Rows> {
    if (this.#release === undefined) return this.#connections.write(sql, parameters);
    this.#assertSameThread();
    return this.#connections.writeHeld(sql, parameters);
  }

  #assertSameThread(): void {
    if (this.#epoch !== this.#connections.epoch) throw faultOf(new Error("the transaction was lost"));
  }

  async begin(): Promise<void> {
    const release = await this.#connections.hold();
    this.#epoch = this.#connections.epoch;
    try {
      // The write lock at once: a transaction that reads first and writes later could not wait for it.
      await this.#connections.writeHeld("BEGIN IMMEDIATE", []);
      this.#release = release;
    } catch (failure) {
      release();
      throw faultOf(failure);
    }
  }

  async end(statement: "COMMIT" | "ROLLBACK"): Promise<void> {
    const release = this.#release;
    try {
      this.#assertSameThread();
      await this.#connections.writeHeld(statement, []);
    } catch (failure) {
      if (statement === "COMMIT") await this.#connections.writeHeld("ROLLBACK", []).catch(() => {});
      throw faultOf(failure);
    } finally {
      this.#release = undefined;
      release?.();
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("rows are read in pages here, not streamed");
  }
}

/** Anything a query carries as SQLite takes it: times as milliseconds, flags as 0 and 1, JSON as text. */
export function bindable(value: unknown): SqliteValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof Date) return value.getTime();
  if (value instanceof Uint8Array) return value;
  if (typeof value === "object") return JSON.stringify(value);
  return value as SqliteValue;
}

/** Kysely's driver over `SqliteConnections`. */
export class SqliteDriver implements Driver {
  readonly #connections: SqliteConnections;

  constructor(connections: SqliteConnections) {
    this.#connections = connections;
  }
  init(): Promise<void> {
    return Promise.resolve();
  }
  acquireConnection(): Promise<SqliteConnection> {
    return Promise.resolve(new SqliteConnection(this.#connections));
  }
  beginTransaction(connection: SqliteConnection): Promise<void> {
    return connection.begin();
  }
  commitTransaction(connection: SqliteConnection): Promise<void> {
    return connection.end("COMMIT");
  }
  rollbackTransaction(connection: SqliteConnection): Promise<void> {
    return connection.end("ROLLBACK");
  }
  releaseConnection(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    return this.#connections.close();
  }
}
