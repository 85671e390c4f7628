import { Database } from "bun:sqlite";
import type { ConnectionOptions, SqliteValue } from "./connection-thread.ts";
import { faultOf, SqliteFailure } from "./fault.ts";
import { type Rows, ThreadedConnection } from "./threaded-connection.ts";

/**
 * The two connections of one SQLite file: writes go to a thread of their own, reads run here on a connection that
 * cannot write and never waits for a lock.
 */
export class SqliteConnections {
  readonly #options: ConnectionOptions;
  #writer: ThreadedConnection | undefined;
  #reader: Database | undefined;
  #isClosed = false;
  #restarting: Promise<unknown> | undefined;
  /** Resolves when no transaction is open; statements outside it wait. */
  #free: Promise<void> | undefined;
  /** Changes when the thread was replaced: a transaction begun before is gone. */
  epoch = 0;

  constructor(options: Omit<ConnectionOptions, "access">) {
    this.#options = { ...options, access: "write" };
  }

  /** @throws GatewayError `store_unavailable` where the file cannot be opened. */
  async open(): Promise<void> {
    try {
      await this.#startWriter();
      this.#reader = new Database(this.#options.path, { readonly: true });
    } catch (failure) {
      this.#writer?.terminate();
      throw faultOf(failure);
    }
    this.#reader.run("PRAGMA busy_timeout = 0");
  }

  #startWriter(): Promise<Rows> {
    const writer = new ThreadedConnection((lost) => {
      if (this.#writer !== lost) return;
      this.#writer = undefined;
      this.epoch++;
    });
    this.#writer = writer;
    return writer.open(this.#options);
  }

  /** Resolves at a moment when no transaction is open and the thread runs; the caller must go on without waiting. */
  async #turn(): Promise<void> {
    for (;;) {
      if (this.#isClosed) throw new SqliteFailure("SQLITE_THREAD", "the store is closed");
      if (this.#free !== undefined) await this.#free;
      else if (this.#writer === undefined) await this.#restart();
      else return;
    }
  }

  /** One new thread, however many wait for it. */
  #restart(): Promise<unknown> {
    this.#restarting ??= this.#startWriter().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  /** Runs one statement in the writer thread, outside any transaction. */
  async write(sql: string, parameters: readonly SqliteValue[]): Promise<Rows> {
    // No function call may stand between the turn and the post: another's transaction would begin there.
    while (this.#free !== undefined || this.#writer === undefined || this.#isClosed) await this.#turn();
    return this.#writer.run(sql, parameters);
  }

  /** Runs one statement in the transaction whose hold the caller has. */
  async writeHeld(sql: string, parameters: readonly SqliteValue[]): Promise<Rows> {
    if (this.#writer === undefined) throw new SqliteFailure("SQLITE_THREAD", "the writer thread ended");
    return this.#writer.run(sql, parameters);
  }

  /** Runs a SELECT here. */
  read(sql: string, parameters: readonly SqliteValue[]): unknown[] {
    if (this.#reader === undefined) throw new SqliteFailure("SQLITE_THREAD", "the store is closed");
    return this.#reader.query(sql).all(...parameters);
  }

  /** Keeps all other statements out of the writer thread until the returned function is called. */
  async hold(): Promise<() => void> {
    while (this.#free !== undefined || this.#writer === undefined || this.#isClosed) await this.#turn();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#free = promise;
    return () => {
      if (this.#free === promise) this.#free = undefined;
      resolve();
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    while (this.#free !== undefined) await this.#free;
    this.#isClosed = true;
    this.#reader?.close();
    this.#reader = undefined;
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.close();
  }
}
