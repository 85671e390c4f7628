import { type ReservedSQL, SQL } from "bun";
import { isAnswer, PostgresUnavailable } from "./fault.ts";

export interface PoolOptions {
  readonly url: string;
  readonly poolMax: number;
  readonly connectTimeoutMs: number;
  /** An unused connection is closed after this; 0 never. */
  readonly idleTimeoutMs: number;
  /** The server ends a statement after this; the pool gives up on it a second later, whether or not the server answers. */
  readonly statementTimeoutMs: number;
}

/** Callers waiting for a connection at once; one more is refused. */
const WAITING_MAX = 1_000;
/** After a failure of the connection, everybody but one probe is refused for this long. */
const REST_MS = 1_000;
const GRACE_MS = 1_000;

/** One connection of the pool; never used by two callers at once. */
export class PooledConnection {
  readonly #pool: PostgresConnections;
  readonly #sql: SQL;
  readonly #reserved: ReservedSQL;
  readonly #timeoutMs: number;
  isBroken = false;
  idleSince = 0;

  constructor(pool: PostgresConnections, sql: SQL, reserved: ReservedSQL, timeoutMs: number) {
    this.#pool = pool;
    this.#sql = sql;
    this.#reserved = reserved;
    this.#timeoutMs = timeoutMs;
  }

  /** Runs one statement. On a timeout or a lost connection the connection is closed: its state is unknown. */
  async run(text: string, parameters: readonly unknown[]): Promise<SqlRows> {
    if (this.isBroken) throw new PostgresUnavailable("the connection was lost");
    const query = this.#reserved.unsafe(text, parameters as unknown[]);
    try {
      const rows = (await within(query, this.#timeoutMs, "PostgreSQL did not answer")) as SqlRows;
      this.#pool.answered();
      return rows;
    } catch (failure) {
      if (isAnswer(failure)) this.#pool.answered();
      else {
        this.discard();
        this.#pool.failed();
      }
      throw failure;
    }
  }

  discard(): void {
    this.isBroken = true;
    void this.#sql.close({ timeout: 0 }).catch(() => {});
  }
}
type SqlRows = unknown[] & { readonly count: number | null };

function within<T>(work: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new PostgresUnavailable(message)), timeoutMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * A pool over `Bun.SQL` clients of one connection each, because only so a connection that no longer answers can be told
 * apart and closed, and a transaction can never go on, unnoticed, on another connection.
 */
export class PostgresConnections {
  readonly #options: PoolOptions;
  readonly #idle: PooledConnection[] = [];
  readonly #waiting: { resolve: (connection: PooledConnection) => void; reject: (failure: Error) => void }[] =
    [];
  #open = 0;
  #isClosed = false;
  #restUntil = 0;
  #isProbing = false;
  #sweep: ReturnType<typeof setInterval> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    if (options.idleTimeoutMs > 0) {
      this.#sweep = setInterval(() => this.#closeIdle(), Math.max(1_000, options.idleTimeoutMs / 2));
      this.#sweep.unref();
    }
  }

  async acquire(): Promise<PooledConnection> {
    if (this.#isClosed) throw new PostgresUnavailable("the store is closed");
    this.#admit();
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (!connection.isBroken) return connection;
      this.#open--;
    }
    if (this.#open < this.#options.poolMax) return this.#connect();
    if (this.#waiting.length >= WAITING_MAX) throw new PostgresUnavailable("too many callers are waiting");
    return this.#wait();
  }

  /** After a failure lets one caller through to see whether the server is back. */
  #admit(): void {
    if (this.#restUntil === 0) return;
    if (this.#isProbing || Date.now() < this.#restUntil) throw new PostgresUnavailable("PostgreSQL is away");
    this.#isProbing = true;
  }

  async #connect(): Promise<PooledConnection> {
    this.#open++;
    const { url, connectTimeoutMs, statementTimeoutMs } = this.#options;
    let connection: PooledConnection | undefined;
    const sql = new SQL({
      url,
      max: 1,
      idleTimeout: 0,
      connectionTimeout: Math.max(1, Math.ceil(connectTimeoutMs / 1_000)),
      connection: { statement_timeout: String(statementTimeoutMs), application_name: "mcp-gateway" },
      onclose: () => {
        if (connection) connection.isBroken = true;
      },
    });
    try {
      const reserved = await within(
        sql.reserve(),
        connectTimeoutMs,
        "PostgreSQL did not take the connection",
      );
      connection = new PooledConnection(this, sql, reserved, statementTimeoutMs + GRACE_MS);
      return connection;
    } catch (failure) {
      this.#open--;
      void sql.close({ timeout: 0 }).catch(() => {});
      this.failed();
      throw isAnswer(failure) ? failure : this.#unconnected(failure);
    }
  }

  /** In words that name the place, for the operator's log and command line; the URL's password is not among them. */
  #unconnected(failure: unknown): PostgresUnavailable {
    const { url } = this.#options;
    const place = URL.canParse(url) ? new URL(url).host : "the configured URL";
    const why = failure instanceof Error ? failure.message : String(failure);
    return new PostgresUnavailable(`no connection to PostgreSQL at ${place} (store.url): ${why}`, {
      cause: failure,
    });
  }

  #wait(): Promise<PooledConnection> {
    return new Promise((resolve, reject) => {
      const entry = {
        resolve: (connection: PooledConnection) => {
          clearTimeout(timer);
          resolve(connection);
        },
        reject: (failure: Error) => {
          clearTimeout(timer);
          reject(failure);
        },
      };
      const timer = setTimeout(() => {
        const place = this.#waiting.indexOf(entry);
        if (place >= 0) this.#waiting.splice(place, 1);
        this.#isProbing = false;
        reject(new PostgresUnavailable("no connection came free"));
      }, this.#options.connectTimeoutMs);
      this.#waiting.push(entry);
    });
  }

  release(connection: PooledConnection): void {
    if (this.#isClosed) connection.discard();
    if (!connection.isBroken) {
      const next = this.#waiting.shift();
      if (next !== undefined) next.resolve(connection);
      else {
        connection.idleSince = Date.now();
        this.#idle.push(connection);
      }
      return;
    }
    this.#open--;
    const next = this.#waiting.shift();
    if (next === undefined || this.#isClosed) return;
    this.acquire().then(next.resolve, next.reject);
  }

  answered(): void {
    this.#restUntil = 0;
    this.#isProbing = false;
  }
  failed(): void {
    this.#restUntil = Date.now() + REST_MS;
    this.#isProbing = false;
  }

  #closeIdle(): void {
    const limit = Date.now() - this.#options.idleTimeoutMs;
    const stale = this.#idle.filter((connection) => connection.isBroken || connection.idleSince < limit);
    for (const connection of stale) {
      this.#idle.splice(this.#idle.indexOf(connection), 1);
      this.#open--;
      connection.discard();
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweep);
    for (const connection of this.#idle.splice(0)) connection.discard();
    for (const { reject } of this.#waiting.splice(0)) reject(new PostgresUnavailable("the store is closed"));
    return Promise.resolve();
  }
}
