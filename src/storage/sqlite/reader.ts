import type { ConnectionOptions, SqliteValue } from "./connection-thread.ts";
import { SqliteFailure } from "./fault.ts";
import { ThreadedConnection } from "./threaded-connection.ts";

/** A thread nobody asked anything for so long ends: an idle gateway pays no memory for it. */
const IDLE_MS = 10_000;
/** Longest wait, at the end, for the statement under way. */
const CLOSE_MS = 1_000;

/** A connection that cannot write, in a thread that runs while it is used: for queries over much of the record. */
export class SqliteReader {
  readonly #options: ConnectionOptions;
  readonly #idleMs: number;
  #thread: Promise<ThreadedConnection> | undefined;
  #underWay = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: Omit<ConnectionOptions, "access">, idleMs = IDLE_MS) {
    this.#options = { ...options, access: "read" };
    this.#idleMs = idleMs;
  }

  get isRunning(): boolean {
    return this.#thread !== undefined;
  }

  /** @throws SqliteFailure */
  async read(sql: string, parameters: readonly SqliteValue[]): Promise<unknown[]> {
    if (this.#isClosed) throw new SqliteFailure("SQLITE_THREAD", "the store is closed");
    clearTimeout(this.#idle);
    this.#underWay++;
    try {
      this.#thread ??= this.#start();
      const thread = await this.#thread;
      return (await thread.run(sql, parameters)).rows;
    } finally {
      if (--this.#underWay === 0 && !this.#isClosed) {
        this.#idle = setTimeout(() => void this.#end(), this.#idleMs);
        this.#idle.unref();
      }
    }
  }

  #start(): Promise<ThreadedConnection> {
    const forget = () => {
      if (this.#thread === started) this.#thread = undefined;
    };
    const thread = new ThreadedConnection(forget);
    const started = thread.open(this.#options).then(
      () => thread,
      (failure) => {
        forget();
        thread.terminate();
        throw failure;
      },
    );
    return started;
  }

  async #end(): Promise<void> {
    const started = this.#thread;
    this.#thread = undefined;
    const thread = await started?.catch(() => undefined);
    if (thread === undefined) return;
    const late = setTimeout(() => thread.terminate(), CLOSE_MS);
    await thread.close().catch(() => {});
    clearTimeout(late);
  }

  /** Queries that wait fail; a statement under way is waited for, 1 s at most. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    await this.#end();
  }
}
