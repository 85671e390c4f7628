import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from "kysely";
import type { PooledConnection, PostgresConnections } from "./connections.ts";
import { faultOf } from "./fault.ts";

class PostgresConnection implements DatabaseConnection {
  readonly pooled: PooledConnection;

  constructor(pooled: PooledConnection) {
    this.pooled = pooled;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const rows = await this.run(query.sql, query.parameters);
    for (const row of rows as Record<string, unknown>[]) {
      for (const name in row) {
        const value = row[name];
        if (value instanceof Date) row[name] = value.getTime();
      }
    }
    return { rows: [...rows] as R[], numAffectedRows: BigInt(rows.count ?? 0) };
  }

  async run(text: string, parameters: readonly unknown[] = []): ReturnType<PooledConnection["run"]> {
    try {
      return await this.pooled.run(text, parameters);
    } catch (failure) {
      throw faultOf(failure);
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("rows are read in pages here, not streamed");
  }
}

/** Kysely's driver over `PostgresConnections`. */
export class PostgresDriver implements Driver {
  readonly #connections: PostgresConnections;

  constructor(connections: PostgresConnections) {
    this.#connections = connections;
  }
  init(): Promise<void> {
    return Promise.resolve();
  }
  async acquireConnection(): Promise<PostgresConnection> {
    try {
      return new PostgresConnection(await this.#connections.acquire());
    } catch (failure) {
      throw faultOf(failure);
    }
  }
  async beginTransaction(connection: PostgresConnection): Promise<void> {
    await connection.run("begin");
  }
  async commitTransaction(connection: PostgresConnection): Promise<void> {
    await connection.run("commit");
  }
  async rollbackTransaction(connection: PostgresConnection): Promise<void> {
    try {
      await connection.run("rollback");
    } catch {
      // The server undoes what a lost connection left open; this one must not serve anybody else.
      connection.pooled.discard();
    }
  }
  releaseConnection(connection: PostgresConnection): Promise<void> {
    this.#connections.release(connection.pooled);
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    return this.#connections.close();
  }
}
