import type { Clock } from "../../model/ports/clock.ts";
import type { SignInFailures } from "../../model/ports/identities.ts";

/** From the first failure on; nobody stays locked out beyond it. */
const FAILURES_WINDOW_MS = 60_000;

/** How many failures one subject may have in a window. */
export interface FailureBound {
  readonly subject: string;
  readonly max: number;
}

/**
 * Failed sign-ins, counted in the store and so by all processes together: a failure has cost a hash of some 50 ms, its
 * count is one statement more.
 */
export class FailedSignIns {
  readonly #rows: SignInFailures;
  readonly #clock: Clock;

  constructor(rows: SignInFailures, clock: Clock) {
    this.#rows = rows;
    this.#clock = clock;
  }

  /** Seconds until another attempt is taken; 0 where it is taken now. */
  async waitSeconds(bounds: readonly FailureBound[]): Promise<number> {
    const now = this.#clock.now();
    const subjects = bounds.map(({ subject }) => subject);
    const windows = await this.#rows.of(subjects, now - FAILURES_WINDOW_MS);
    const waits = windows.map(({ subject, startedAt, failures }) => {
      const bound = bounds.find((one) => one.subject === subject);
      if (bound === undefined || failures < bound.max) return 0;
      return Math.ceil((startedAt + FAILURES_WINDOW_MS - now) / 1_000);
    });
    return Math.max(0, ...waits);
  }

  async count(bounds: readonly FailureBound[]): Promise<void> {
    const now = this.#clock.now();
    for (const { subject } of bounds) await this.#rows.count(subject, now, now - FAILURES_WINDOW_MS);
  }
}
