import { GatewayError } from "../errors/gateway-error.ts";
import { ownText } from "../model/own-text.ts";
import type { Authenticator, RefusalNote } from "../model/ports/authenticator.ts";
import type { Clock } from "../model/ports/clock.ts";
import type { Log } from "../model/ports/log.ts";
import type { Use } from "../model/ports/store.ts";
import type { Principal } from "../model/principal.ts";
import { UseMeter } from "./use-meter.ts";
import { VerdictCache } from "./verdict-cache.ts";

/** What a look-up found: a principal, or that the credential does not work now. */
export interface Finding {
  readonly principal: Principal | undefined;
  /** The key whose use is noted. */
  readonly usedKey?: { readonly id: string; readonly lastUsedAt: number | null } | undefined;
  /** Why there is none, for the operator. */
  readonly refusal?: string | undefined;
  /** A refusal that costs no question to the store is not worth remembering. */
  readonly isForgettable?: boolean;
}
/** `undefined` at once for what cannot be such a credential at all. */
export type CredentialLook = (credential: string) => Promise<Finding> | undefined;

export interface CredentialCacheOptions {
  readonly look: CredentialLook;
  readonly touch: (uses: readonly Use[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<CredentialLimits>;
}
export interface CredentialLimits {
  /** A verdict older than this is asked for again in the background while it still serves. */
  readonly refreshAfterMs: number;
  /** A verdict older than this does not serve, unless the store is away: how long a revoked key may work elsewhere. */
  readonly freshMsMax: number;
  /** However often confirmed, a verdict is asked for again at about this age. */
  readonly confirmedMsMax: number;
  /** How long a known key goes on working with the store away. */
  readonly staleMsMax: number;
  /** How long a caller waits for the store where an older verdict is at hand. */
  readonly patienceMs: number;
  /** Valid keys remembered. */
  readonly keysMax: number;
  /** Invalid keys remembered. */
  readonly refusedMax: number;
  /** Questions to the store at once; one more is refused with `overloaded`. */
  readonly lookupsMax: number;
}

const defaultLimits: CredentialLimits = {
  refreshAfterMs: 4_000,
  freshMsMax: 5_000,
  confirmedMsMax: 5 * 60_000,
  staleMsMax: 15 * 60_000,
  patienceMs: 40,
  keysMax: 40_000,
  refusedMax: 10_000,
  lookupsMax: 256,
};
/** After a failed or slow answer the store counts as away for this long: known keys are served at once. */
const AWAY_MS = 1_000;
const USE_INTERVAL_MS = 60_000;

interface Verdict {
  readonly principal: Principal | undefined;
  readonly refusal: string | undefined;
  readonly keyId: string | undefined;
  /** When the store was asked. */
  readonly askedAt: number;
  /** Credentials changed since it was asked: no confirmation makes it fresh again. */
  readonly voided: boolean;
  usedAt: number;
}

/**
 * Credentials and what was found of them. A known one is answered synchronously from memory; `undefined` for one that
 * does not work.
 * @throws GatewayError (the promise rejects) `store_unavailable` for a credential not seen before while the store is
 *   away, `overloaded` where too many unknown ones are being asked for.
 */
export class CredentialCache implements Authenticator {
  readonly #look: CredentialLook;
  readonly #clock: Clock;
  readonly #limits: CredentialLimits;
  readonly #uses: UseMeter;
  readonly #valid: VerdictCache<Verdict>;
  /** Apart, so that guesses never push out keys that work. */
  readonly #refused: VerdictCache<Verdict>;
  readonly #asking = new Map<string, Promise<Verdict>>();
  #awayUntil = 0;
  #confirmedAt = 0;
  /** Counts invalidations: an answer to a question asked before one is not believed. */
  #epoch = 0;

  constructor({ look, touch, clock, log, limits }: CredentialCacheOptions) {
    this.#look = look;
    this.#clock = clock;
    this.#limits = { ...defaultLimits, ...limits };
    this.#uses = new UseMeter(touch, log);
    this.#valid = new VerdictCache(this.#limits.keysMax);
    this.#refused = new VerdictCache(this.#limits.refusedMax);
  }

  authenticate(
    credential: string,
    note?: RefusalNote,
  ): Principal | undefined | Promise<Principal | undefined> {
    const now = this.#clock.now();
    const known = this.#valid.get(credential) ?? this.#refused.get(credential);
    if (known === undefined) {
      const answer = this.#ask(credential);
      return answer?.then((verdict) => this.#admit(verdict, this.#clock.now(), note));
    }
    const ageMs = now - this.#heldSince(known);
    if (ageMs < this.#limits.refreshAfterMs) return this.#admit(known, now, note);
    if (ageMs < this.#limits.freshMsMax || (now < this.#awayUntil && ageMs < this.#limits.staleMsMax)) {
      this.#askQuietly(credential, now);
      return this.#admit(known, now, note);
    }
    return this.#askPatiently(credential, known, note);
  }

  /** When the verdict was last known to be right. */
  #heldSince({ askedAt, voided }: Verdict): number {
    if (voided || this.#confirmedAt <= askedAt) return askedAt;
    return Math.min(this.#confirmedAt, askedAt + this.#limits.confirmedMsMax);
  }

  #admit(verdict: Verdict, now: number, note: RefusalNote | undefined): Principal | undefined {
    const { principal, keyId } = verdict;
    if (principal === undefined) return refused(note, verdict.refusal);
    if (principal.expiresAt !== undefined && principal.expiresAt <= now) return refused(note, EXPIRED);
    if (keyId !== undefined && now - verdict.usedAt >= USE_INTERVAL_MS) {
      verdict.usedAt = now;
      this.#uses.note(keyId, now);
    }
    return principal;
  }

  #askQuietly(credential: string, now: number): void {
    if (now < this.#awayUntil || this.#asking.size >= this.#limits.lookupsMax) return;
    this.#ask(credential)?.catch(() => {});
  }

  /** The verdict is too old to serve by itself: it serves only where the store fails or takes its time. */
  async #askPatiently(
    credential: string,
    known: Verdict,
    note: RefusalNote | undefined,
  ): Promise<Principal | undefined> {
    const canServe = this.#clock.now() - this.#heldSince(known) < this.#limits.staleMsMax;
    const answer = this.#ask(credential) ?? Promise.resolve(known);
    if (!canServe) return this.#admit(await answer, this.#clock.now(), note);
    const { promise: impatience, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, this.#limits.patienceMs);
    try {
      const epoch = this.#epoch;
      const verdict = await Promise.race([answer, impatience]);
      if (verdict !== undefined) return this.#admit(verdict, this.#clock.now(), note);
      this.#awayUntil = this.#clock.now() + AWAY_MS;
      // Revoked while we waited: the old verdict is void.
      if (epoch !== this.#epoch) return this.#admit(await answer, this.#clock.now(), note);
      answer.catch(() => {});
      return this.#admit(known, this.#clock.now(), note);
    } catch (failure) {
      if (!isAway(failure)) throw failure;
      return this.#admit(known, this.#clock.now(), note);
    } finally {
      clearTimeout(timer);
    }
  }

  /** One question at a time for each credential. */
  #ask(credential: string): Promise<Verdict> | undefined {
    const asking = this.#asking.get(credential);
    if (asking !== undefined) return asking;
    if (this.#asking.size >= this.#limits.lookupsMax) return Promise.reject(new GatewayError("overloaded"));
    const askedAt = this.#clock.now();
    const found = this.#question(credential);
    if (found === undefined) return undefined;
    const answer = this.#lookUp(credential, found, askedAt).finally(() => this.#asking.delete(credential));
    this.#asking.set(credential, answer);
    return answer;
  }

  async #lookUp(credential: string, first: Promise<Finding>, firstAskedAt: number): Promise<Verdict> {
    let asking = first;
    let askedAt = firstAskedAt;
    for (;;) {
      const epoch = this.#epoch;
      const { principal, refusal, usedKey, isForgettable } = await asking;
      if (epoch !== this.#epoch) {
        askedAt = this.#clock.now();
        asking = this.#question(credential) ?? Promise.resolve({ principal: undefined });
        continue;
      }
      const usedAt = this.#valid.get(credential)?.usedAt ?? usedKey?.lastUsedAt ?? 0;
      const verdict: Verdict = { principal, refusal, keyId: usedKey?.id, askedAt, voided: false, usedAt };
      (principal === undefined ? this.#valid : this.#refused).delete(credential);
      if (principal !== undefined) this.#valid.set(ownText(credential), verdict);
      else if (isForgettable !== true) this.#refused.set(ownText(credential), verdict);
      this.#awayUntil = 0;
      return verdict;
    }
  }

  #question(credential: string): Promise<Finding> | undefined {
    return this.#look(credential)?.catch((failure) => {
      if (isAway(failure)) this.#awayUntil = this.#clock.now() + AWAY_MS;
      throw failure;
    });
  }

  /**
   * Forgets what came from one key or user, or all: call it when one was changed here, or the store's credential version
   * elsewhere.
   */
  invalidate(id: string | "all"): void {
    this.#epoch++;
    // A credential refused before may work now, whichever it is: its id is not known here.
    this.#refused.clear();
    if (id === "all") {
      this.#expireAll();
      return;
    }
    for (const [credential, { principal }] of [...this.#valid.entries()]) {
      if (principal === undefined || (principal.keyId !== id && principal.userId !== id)) continue;
      this.#valid.delete(credential);
    }
  }

  /** Kept as old verdicts, so that the loss of the store right after does not stop everybody. */
  #expireAll(): void {
    for (const [credential, verdict] of [...this.#valid.entries()]) {
      const askedAt = Math.min(this.#heldSince(verdict), this.#clock.now() - this.#limits.freshMsMax);
      this.#valid.set(credential, { ...verdict, askedAt, voided: true });
    }
  }

  /**
   * No credential changed since the last call of this or of `invalidate("all")`: verdicts hold as if asked for at `at`.
   * @param at when the store was asked for its credential version, epoch milliseconds.
   */
  confirmed(at: number): void {
    this.#confirmedAt = Math.max(this.#confirmedAt, at);
  }

  /** Writes the pending times of last use. */
  flush(): Promise<void> {
    return this.#uses.flush();
  }
}

const EXPIRED = "it has expired";

function refused(note: RefusalNote | undefined, refusal: string | undefined): undefined {
  if (note !== undefined) note.refusal = refusal;
}

function isAway(failure: unknown): boolean {
  return failure instanceof GatewayError && failure.code === "store_unavailable";
}
