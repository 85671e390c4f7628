export type BreakerState = "closed" | "open" | "half_open";
/** What failed: reaching the server, or the call at a server that was reached. */
export type FailureKind = "connection" | "call";

/**
 * Circuit breaker of one server: plain counters, no timer. It opens after so many failures in a row and, after a rest,
 * lets one call try (half open), whose end decides; a trial that hangs keeps the next one waiting no longer than
 * `trialMs`, so that a recovery shows after rest and trial at most. An answered health check closes it only where
 * nothing but the connection had failed. Time comes in as an argument, in milliseconds.
 */
export class CircuitBreaker {
  readonly #failuresMax: number;
  readonly #restMs: number;
  readonly #trialMs: number;
  #failures = 0;
  /** Some of these failures are calls'. */
  #callsFailed = false;
  /** When the next trial may begin. */
  #nextTrialAt = 0;
  #state: BreakerState = "closed";
  /** Changes whenever it opens or closes: what began before says nothing of the time since. */
  #round = 0;
  /** Times it opened. */
  opened = 0;

  constructor(failuresMax: number, restMs: number, trialMs: number) {
    this.#failuresMax = failuresMax;
    this.#restMs = restMs;
    this.#trialMs = trialMs;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /**
   * Asks for one call: `undefined` refuses it. A number is followed by exactly one of `succeeded`, and `failed` or
   * `released` with that number.
   */
  admit(now: number): number | undefined {
    if (this.#state === "closed") return this.#round;
    if (now < this.#nextTrialAt) return undefined;
    this.#state = "half_open";
    this.#nextTrialAt = now + this.#trialMs;
    return this.#round;
  }

  /** A call was answered, whenever it began. */
  succeeded(): void {
    this.#failures = 0;
    this.#callsFailed = false;
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#round++;
  }

  /** A health check was answered: settles what the connection is to blame for, and no call that failed. */
  reachable(): void {
    if (!this.#callsFailed) this.succeeded();
  }

  failed(now: number, round: number, kind: FailureKind): void {
    if (round !== this.#round) return;
    this.#failures++;
    if (kind === "call") this.#callsFailed = true;
    if (this.#state === "closed" && this.#failures < this.#failuresMax) return;
    if (this.#state === "closed") this.opened++;
    this.#state = "open";
    this.#round++;
    this.#nextTrialAt = now + this.#restMs;
  }

  /** The call ended in a way that says nothing about the server: cancelled, refused, over a limit. */
  released(round: number): void {
    if (round === this.#round && this.#state === "half_open") this.#nextTrialAt = 0;
  }

  /** Milliseconds until a call may try; 0 where one may now. */
  restMs(now: number): number {
    return this.#state === "closed" ? 0 : Math.max(0, this.#nextTrialAt - now);
  }
}
