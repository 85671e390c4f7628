import type { Log } from "../model/ports/log.ts";
import type { Lease, Store } from "../model/ports/store.ts";
import { expireRecords } from "./retention.ts";

const ROUND_MS = 30_000;
/** A holder that died is followed after this. */
const LEASE_MS = 90_000;
const LEASE_NAME = "duties";
const MAINTAIN_MS = 3_600_000;
const EXPIRE_MS = 3_600_000;
/** Uses of sessions reach the store up to a minute late. */
const IDLE_MARGIN_MS = 120_000;
const DAY_MS = 86_400_000;
/** Longer than anybody waits, whatever the clocks of other processes say. */
const FAILURES_MS = 300_000;
const EXPIRED_MAX = 1_000;

/**
 * What one process does for all: partitions of the coming days, sessions nobody uses any more, sign-ins long over,
 * records past their retention. Of several processes the one that holds the lease does it; with an
 * embedded store there is no other.
 */
export class Duties {
  readonly #store: Store;
  readonly #holder: string;
  readonly #sessionIdleMs: number;
  readonly #retentionMs: () => number;
  readonly #log: Log;
  #lease: Lease | undefined;
  #maintainedAt = Date.now();
  #expiredAt = 0;
  #isStopping = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: {
    readonly store: Store;
    /** The process, as others know it. */
    readonly holder: string;
    readonly sessionIdleMs: number;
    /** Of records that belong to no organisation. */
    readonly retentionMs: () => number;
    readonly log: Log;
  }) {
    this.#store = deps.store;
    this.#holder = deps.holder;
    this.#sessionIdleMs = deps.sessionIdleMs;
    this.#retentionMs = deps.retentionMs;
    this.#log = deps.log;
  }

  start(): void {
    this.#timer = setInterval(() => void this.round(), ROUND_MS);
    this.#timer.unref();
    void this.round();
  }

  /** One round, where this process is the one to do it. Failures are logged and tried again at the next. */
  round(): Promise<void> {
    this.#running = this.#running.then(async () => {
      try {
        if (await this.#isMine()) await this.#perform(Date.now());
      } catch (cause) {
        this.#log.warn({ err: cause }, "background duties wait for the store");
      }
    });
    return this.#running;
  }

  /** Hands the duties to whoever asks next. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#isStopping = true;
    await this.#running;
    if (this.#lease !== undefined) await this.#store.leases.release(this.#lease).catch(() => {});
  }

  async #isMine(): Promise<boolean> {
    if (this.#store.kind === "sqlite") return true;
    const lease = await this.#store.leases.acquire(LEASE_NAME, this.#holder, LEASE_MS);
    if (lease !== undefined && this.#lease === undefined)
      this.#log.info({}, "background duties are done here");
    this.#lease = lease;
    return lease !== undefined;
  }

  async #perform(now: number): Promise<void> {
    if (now - this.#maintainedAt >= MAINTAIN_MS) {
      await this.#store.maintain(now);
      this.#maintainedAt = now;
    }
    await this.#store.signInFailures.forget(now - FAILURES_MS);
    const idleSince = now - this.#sessionIdleMs - IDLE_MARGIN_MS;
    for (;;) {
      const ids = await this.#store.acrossTenants.expireSessions(idleSince, now, EXPIRED_MAX);
      if (ids.length < EXPIRED_MAX) break;
    }
    if (now - this.#expiredAt < EXPIRE_MS) return;
    while ((await this.#store.idempotencyKeys.forget(now - DAY_MS, EXPIRED_MAX)) === EXPIRED_MAX);
    // A day longer than they work, so that a replay is still known as one.
    await this.#store.tokenFamilies.removeEnded(now - DAY_MS);
    const emptied = await expireRecords(this.#store, now, this.#retentionMs(), () => !this.#isStopping);
    if (emptied > 0) this.#log.info({ records: emptied }, "records past their retention were emptied");
    this.#expiredAt = now;
  }
}
