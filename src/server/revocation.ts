import type { Renewal } from "../auth/standing.ts";
import type { Principal } from "../model/principal.ts";

/** What is held open for callers: long answers, listen streams, sessions. */
export interface HeldOpen {
  principals(): ReadonlyMap<string, Principal>;
  end(key: string): void | Promise<void>;
  /** Goes on with the rights the caller has now. */
  renew(key: string, renewal: Renewal): void;
}

const UNKNOWN: Renewal = (principal) => principal;

/**
 * Ends what revoked callers hold open, and lets the others go on with the rights they have now. Looks once for each caller
 * at each change of credentials, one look at a time.
 */
export class Revocation {
  readonly #standingOf: (principal: Principal) => Promise<Renewal | undefined>;
  readonly #held: () => readonly HeldOpen[];
  #looking: Promise<void> | undefined;
  #again = false;

  /** @param standingOf `undefined` for a caller that was revoked */
  constructor(
    standingOf: (principal: Principal) => Promise<Renewal | undefined>,
    held: () => readonly HeldOpen[],
  ) {
    this.#standingOf = standingOf;
    this.#held = held;
  }

  /** Resolves when everything revoked until now has ended. */
  look(): Promise<void> {
    if (this.#looking !== undefined) {
      this.#again = true;
      return this.#looking;
    }
    this.#looking = this.#lookUntilQuiet().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookUntilQuiet(): Promise<void> {
    do {
      this.#again = false;
      const all = new Map<string, Principal>();
      for (const held of this.#held())
        for (const [key, principal] of held.principals()) all.set(key, principal);
      for (const [key, principal] of all) {
        // A store that does not answer ends nobody's stream: the next change, or its return, asks again.
        const renewal = await this.#standingOf(principal).catch(() => UNKNOWN);
        for (const held of this.#held()) {
          if (renewal === undefined) await held.end(key);
          else held.renew(key, renewal);
        }
      }
    } while (this.#again);
  }
}
