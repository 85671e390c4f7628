import type { Connection, ConnectionOwner } from "./connection.ts";

export interface PoolLimits {
  /** An idle connection is closed after this; below what servers commonly allow (5 s), so that we close first. */
  readonly idleConnectionMs: number;
  /** Idle connections kept per origin; more are closed when released. Those in use are not limited. */
  readonly idleConnectionsMax: number;
  /** A connection older than this is not used again, so that changed names and balancers get their say. */
  readonly connectionAgeMaxMs: number;
}

/** The idle connections of one origin, last in first out: a quiet origin shrinks to the few it needs. */
export class ConnectionPool implements ConnectionOwner {
  readonly #limits: PoolLimits;
  readonly #idle: Connection[] = [];
  #shut = false;

  constructor(limits: PoolLimits) {
    this.#limits = limits;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  take(): Connection | undefined {
    const connection = this.#idle.pop();
    if (connection === undefined || connection.expiresAtMs > performance.now()) return connection;
    connection.drop();
    // The freshest was too old: so are all the others.
    this.#empty();
    return undefined;
  }

  released(connection: Connection, keepAliveS: number): void {
    const nowMs = performance.now();
    // One second of distance from the server's own limit covers the request's way there.
    const idleMs =
      keepAliveS === -1
        ? this.#limits.idleConnectionMs
        : Math.min(this.#limits.idleConnectionMs, keepAliveS * 1000 - 1000);
    const isOld = nowMs - connection.bornAtMs > this.#limits.connectionAgeMaxMs;
    if (this.#shut || isOld || idleMs <= 0 || this.#idle.length >= this.#limits.idleConnectionsMax) {
      connection.drop();
      return;
    }
    connection.expiresAtMs = nowMs + idleMs;
    this.#idle.push(connection);
  }

  closed(connection: Connection): void {
    const at = this.#idle.lastIndexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }

  shut(): void {
    this.#shut = true;
    this.#empty();
  }

  #empty(): void {
    for (const connection of this.#idle.splice(0)) connection.drop();
  }
}
