import type { ConnectionOptions, SqliteValue, ThreadAnswer, ThreadRequest } from "./connection-thread.ts";
import { SqliteFailure } from "./fault.ts";

export interface Rows {
  readonly rows: unknown[];
  readonly changes: number;
}
interface Waiting {
  readonly resolve: (rows: Rows) => void;
  readonly reject: (failure: Error) => void;
}

/** Statements waiting at once; one more is refused, so that a stuck file cannot fill the memory. */
const WAITING_MAX = 10_000;

/** A connection in a thread of its own. Statements run in the order they came. */
export class ThreadedConnection {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #hasEnded = false;

  /** `onLost` is told once that the thread ended, however it came to. */
  constructor(onLost: (connection: ThreadedConnection) => void) {
    // The web's Worker: node:worker_threads costs 6 MiB and 12 ms more.
    this.#worker = new Worker(new URL("./connection-thread.ts", import.meta.url).href);
    this.#worker.addEventListener("message", ({ data }: MessageEvent<ThreadAnswer>) => this.#settle(data));
    const lost = Promise.withResolvers<void>();
    this.#worker.addEventListener("error", () => lost.resolve());
    this.#worker.addEventListener("close", () => lost.resolve());
    void lost.promise.then(() => {
      this.#abandon();
      onLost(this);
    });
  }

  /** @throws SqliteFailure, as all of these */
  open(options: ConnectionOptions): Promise<Rows> {
    return this.#post({ id: this.#nextId++, open: options });
  }

  async run(sql: string, parameters: readonly SqliteValue[]): Promise<Rows> {
    if (this.#waiting.size >= WAITING_MAX)
      throw new SqliteFailure("SQLITE_BUSY", "too many statements are waiting");
    return this.#post({ id: this.#nextId++, sql, parameters });
  }

  /** Behind the statements that wait. */
  async close(): Promise<void> {
    if (this.#hasEnded) return;
    await this.#post({ id: this.#nextId++, close: true });
    this.terminate();
  }

  /** At once; a statement under way ends unheard. */
  terminate(): void {
    this.#abandon();
    // A thread within a statement ends after it, which must hold up nobody.
    this.#worker.unref();
    this.#worker.terminate();
  }

  #post(request: ThreadRequest): Promise<Rows> {
    // Nobody would ever answer.
    if (this.#hasEnded) return Promise.reject(ended());
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  #settle(answer: ThreadAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (waiting === undefined) return;
    if ("code" in answer) waiting.reject(new SqliteFailure(answer.code, answer.message));
    else waiting.resolve(answer);
  }

  #abandon(): void {
    this.#hasEnded = true;
    for (const waiting of this.#waiting.values()) waiting.reject(ended());
    this.#waiting.clear();
  }
}

function ended(): SqliteFailure {
  return new SqliteFailure("SQLITE_THREAD", "the connection's thread ended");
}
