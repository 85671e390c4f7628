import { Database } from "bun:sqlite";
import { faultOf, SqliteFailure } from "./fault.ts";
import type { SqliteValue, WriterAnswer, WriterOptions, WriterRequest } from "./writer.ts";

export interface Rows {
  readonly rows: unknown[];
  readonly changes: number;
}
interface Waiting {
  readonly resolve: (rows: Rows) => void;
  readonly reject: (failure: Error) => void;
}

/** Writes waiting at once; one more is refused, so that a stuck file cannot fill the memory. */
const WAITING_MAX = 10_000;

/**
 * The two connections of one SQLite file: writes go to a thread of their own, reads run here on a connection that
 * cannot write and never waits for a lock.
 */
export class SqliteConnections {
  readonly #options: WriterOptions;
  #worker: Worker | undefined;
  #reader: Database | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #isClosed = false;
  #restarting: Promise<unknown> | undefined;
  /** Resolves when no transaction is open; statements outside it wait. */
  #free: Promise<void> | undefined;
  /** Changes when the thread was replaced: a transaction begun before is gone. */
  epoch = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** @throws GatewayError `store_unavailable` where the file cannot be opened. */
  async open(): Promise<void> {
    try {
      await this.#startWriter();
      this.#reader = new Database(this.#options.path, { readonly: true });
    } catch (failure) {
      this.#worker?.terminate();
      throw faultOf(failure);
    }
    this.#reader.run("PRAGMA busy_timeout = 0");
  }

  #startWriter(): Promise<Rows> {
    // The web's Worker: node:worker_threads costs 6 MiB and 12 ms more.
    const worker = new Worker(new URL("./writer.ts", import.meta.url).href);
    this.#worker = worker;
    worker.addEventListener("message", ({ data }: MessageEvent<WriterAnswer>) => this.#settle(data));
    const lost = () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.epoch++;
      const failure = new SqliteFailure("SQLITE_WRITER", "the writer thread ended");
      for (const waiting of this.#waiting.values()) waiting.reject(failure);
      this.#waiting.clear();
    };
    worker.addEventListener("error", lost);
    worker.addEventListener("close", lost);
    return this.#post(worker, { id: this.#nextId++, open: this.#options });
  }

  #settle(answer: WriterAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (waiting === undefined) return;
    if ("code" in answer) waiting.reject(new SqliteFailure(answer.code, answer.message));
    else waiting.resolve(answer);
  }

  #post(worker: Worker, request: WriterRequest): Promise<Rows> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject });
      worker.postMessage(request);
    });
  }

  /** Resolves at a moment when no transaction is open and the thread runs; the caller must go on without waiting. */
  async #turn(): Promise<Worker> {
    for (;;) {
      if (this.#isClosed) throw new SqliteFailure("SQLITE_WRITER", "the store is closed");
      if (this.#free !== undefined) await this.#free;
      else if (this.#worker === undefined) await this.#restart();
      else return this.#worker;
    }
  }

  /** One new thread, however many wait for it. */
  #restart(): Promise<unknown> {
    this.#restarting ??= this.#startWriter().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  #send(worker: Worker, sql: string, parameters: readonly SqliteValue[]): Promise<Rows> {
    if (this.#waiting.size >= WAITING_MAX) {
      throw new SqliteFailure("SQLITE_BUSY", "too many writes are waiting");
    }
    return this.#post(worker, { id: this.#nextId++, sql, parameters });
  }

  /** Runs one statement in the writer thread, outside any transaction. */
  async write(sql: string, parameters: readonly SqliteValue[]): Promise<Rows> {
    // No function call may stand between the turn and the post: another's transaction would begin there.
    while (this.#free !== undefined || this.#worker === undefined || this.#isClosed) await this.#turn();
    return this.#send(this.#worker, sql, parameters);
  }

  /** Runs one statement in the transaction whose hold the caller has. */
  async writeHeld(sql: string, parameters: readonly SqliteValue[]): Promise<Rows> {
    if (this.#worker === undefined) throw new SqliteFailure("SQLITE_WRITER", "the writer thread ended");
    return this.#send(this.#worker, sql, parameters);
  }

  /** Runs a SELECT here. */
  read(sql: string, parameters: readonly SqliteValue[]): unknown[] {
    if (this.#reader === undefined) throw new SqliteFailure("SQLITE_WRITER", "the store is closed");
    return this.#reader.query(sql).all(...parameters);
  }

  /** Keeps all other statements out of the writer thread until the returned function is called. */
  async hold(): Promise<() => void> {
    while (this.#free !== undefined || this.#worker === undefined || this.#isClosed) await this.#turn();
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
    const worker = this.#worker;
    if (worker === undefined) return;
    await this.#post(worker, { id: this.#nextId++, close: true });
    this.#worker = undefined;
    worker.terminate();
  }
}
