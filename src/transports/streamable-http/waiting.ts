import type { Principal } from "../../model/principal.ts";

const TICK_MS = 250;
/** A request quieter than this has its socket's idle limit lifted and its disconnect watched. */
const ATTEND_AFTER_MS = 250;
const KEEP_ALIVE_MS = 15_000;

/** A request whose answer is not there yet. */
export interface Waiter {
  readonly startedAt: number;
  /** Whose it is. */
  readonly principal: Principal;
  attended: boolean;
  lastSignOfLifeAt: number;
  /** The room's own: where it waits, -1 when it does not. */
  seat: number;
  /** Called once, when the wait has become noticeable. */
  attend(): void;
  /** Called after every 15 s of silence. */
  keepAlive(): void;
  /** The process ends and waits no longer. */
  interrupt(): void;
}

/**
 * One timer for every waiting request: most calls end within a tick and never pay for a timer, an abort listener or a
 * socket option. It stops when nobody waits.
 *
 * An array and not a `Set`: JavaScriptCore chains a set's outgrown tables, entries and all, to the table in use, so that
 * a collection of the young kept nearly every call that had passed through (6 MiB to visit each time, under load).
 */
export class WaitingRoom {
  readonly #waiters: Waiter[] = [];
  readonly #keepAliveMs: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(keepAliveMs = KEEP_ALIVE_MS) {
    this.#keepAliveMs = keepAliveMs;
  }

  get size(): number {
    return this.#waiters.length;
  }

  enter(waiter: Waiter): void {
    waiter.seat = this.#waiters.push(waiter) - 1;
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  leave(waiter: Waiter): void {
    const { seat } = waiter;
    if (seat < 0) return;
    waiter.seat = -1;
    const last = this.#waiters.pop();
    if (last === undefined || last === waiter) return;
    this.#waiters[seat] = last;
    last.seat = seat;
  }

  /** Ends every wait: calls get their error, streams their closing result. */
  interrupt(): void {
    for (const waiter of [...this.#waiters]) waiter.interrupt();
  }

  /** Those whose requests wait, one of each. */
  principals(): ReadonlyMap<string, Principal> {
    const found = new Map<string, Principal>();
    for (const { principal } of this.#waiters) found.set(standingKey(principal), principal);
    return found;
  }

  /** The caller's credential was taken back: what it waits for ends. */
  end(key: string): void {
    for (const waiter of [...this.#waiters]) if (standingKey(waiter.principal) === key) waiter.interrupt();
  }

  #tick(): void {
    if (this.#waiters.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    // From the end: who leaves meanwhile gives its seat to one seen already.
    for (let seat = this.#waiters.length - 1; seat >= 0; seat--) {
      const waiter = this.#waiters[seat];
      if (waiter === undefined) continue;
      if (!waiter.attended && now - waiter.startedAt >= ATTEND_AFTER_MS) {
        waiter.attended = true;
        waiter.attend();
      }
      if (now - waiter.lastSignOfLifeAt >= this.#keepAliveMs) {
        waiter.lastSignOfLifeAt = now;
        waiter.keepAlive();
      }
    }
  }
}

/** Equal for what one credential, or one sign-in, holds open. */
export function standingKey({ id, signInId }: Principal): string {
  return signInId === undefined ? id : `${id} ${signInId}`;
}
