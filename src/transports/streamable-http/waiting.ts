import type { Principal } from "../../model/principal.ts";
import { Roster, type Seated } from "../../model/roster.ts";

const TICK_MS = 250;
/** Of a request quieter than this it is watched whether its client leaves. */
const ATTEND_AFTER_MS = 250;
const KEEP_ALIVE_MS = 15_000;
/** Signs of life given in one turn of the loop: those of ten thousand streams opened together must not hold up calls. */
export const SIGNS_AT_ONCE = 50;

/** A request whose answer is not there yet. */
export interface Waiter extends Seated {
  readonly startedAt: number;
  /** Whose it is. */
  readonly principal: Principal;
  attended: boolean;
  lastSignOfLifeAt: number;
  /** Called once, when the wait has become noticeable. */
  attend(): void;
  /** Called after every 15 s of silence. */
  keepAlive(): void;
  /** The process ends and waits no longer. */
  interrupt(): void;
  /** Of streams: the same caller, with the rights it has now. A call under way ends as it was permitted. */
  renew?(principal: Principal): void;
  /** Of streams: ends where the endpoint is gone or forbidden. */
  recheck?(): void;
}

/**
 * One timer for every waiting request: most calls end within a tick and never pay for a timer or an abort
 * listener. It stops when nobody waits.
 */
export class WaitingRoom {
  readonly #waiters = new Roster<Waiter>();
  readonly #keepAliveMs: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(keepAliveMs = KEEP_ALIVE_MS) {
    this.#keepAliveMs = keepAliveMs;
  }

  get size(): number {
    return this.#waiters.size;
  }

  enter(waiter: Waiter): void {
    this.#waiters.enter(waiter);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  leave(waiter: Waiter): void {
    this.#waiters.leave(waiter);
  }

  /** Ends every wait: calls get their error, streams their closing result. */
  interrupt(): void {
    for (const waiter of this.#waiters.all()) waiter.interrupt();
  }

  /** Those whose requests wait, one of each. */
  principals(): ReadonlyMap<string, Principal> {
    const found = new Map<string, Principal>();
    for (const { principal } of this.#waiters.all()) found.set(standingKey(principal), principal);
    return found;
  }

  /** The caller's credential was taken back: what it waits for ends. */
  end(key: string): void {
    for (const waiter of this.#waiters.all()) if (standingKey(waiter.principal) === key) waiter.interrupt();
  }

  /** Rights of a caller changed. @param renewed the caller with those it has now */
  renew(key: string, renewed: (principal: Principal) => Principal): void {
    for (const waiter of this.#waiters.all()) {
      if (waiter.renew === undefined || standingKey(waiter.principal) !== key) continue;
      const principal = renewed(waiter.principal);
      if (principal !== waiter.principal) waiter.renew(principal);
    }
  }

  /** Endpoints of these may be gone, or forbidden. */
  recheck(organizations: ReadonlySet<string>): void {
    for (const waiter of this.#waiters.all())
      if (organizations.has(waiter.principal.organizationId)) waiter.recheck?.();
  }

  #tick(): void {
    if (this.#waiters.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    const silent: Waiter[] = [];
    for (const waiter of this.#waiters.all()) {
      if (!waiter.attended && now - waiter.startedAt >= ATTEND_AFTER_MS) {
        waiter.attended = true;
        waiter.attend();
      }
      if (now - waiter.lastSignOfLifeAt >= this.#keepAliveMs) {
        waiter.lastSignOfLifeAt = now;
        silent.push(waiter);
      }
    }
    if (silent.length > 0) void keepAlive(silent);
  }
}

async function keepAlive(silent: readonly Waiter[]): Promise<void> {
  let given = 0;
  for (const waiter of silent) {
    if (waiter.seat < 0) continue;
    waiter.keepAlive();
    if (++given % SIGNS_AT_ONCE === 0) await new Promise(setImmediate);
  }
}

/** Equal for what one credential, or one sign-in, holds open. */
export function standingKey({ id, signInId }: Principal): string {
  return signInId === undefined ? id : `${id} ${signInId}`;
}
