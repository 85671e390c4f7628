import { mayStay, type StandingStore } from "../auth/standing.ts";
import type { Clock } from "../model/ports/clock.ts";
import type { Principal } from "../model/principal.ts";

/** What is held open for callers: long answers, listen streams, sessions. */
export interface HeldOpen {
  principals(): ReadonlyMap<string, Principal>;
  end(key: string): void | Promise<void>;
}

/** Ends what revoked callers hold open. Looks once for each caller at each change of credentials, one look at a time. */
export class Revocation {
  readonly #store: StandingStore;
  readonly #clock: Clock;
  readonly #held: () => readonly HeldOpen[];
  #looking: Promise<void> | undefined;
  #again = false;

  constructor(store: StandingStore, clock: Clock, held: () => readonly HeldOpen[]) {
    this.#store = store;
    this.#clock = clock;
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
        if (await mayStay(this.#store, this.#clock, principal).catch(() => true)) continue;
        for (const held of this.#held()) await held.end(key);
      }
    } while (this.#again);
  }
}
