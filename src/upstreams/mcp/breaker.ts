export type BreakerState = "closed" | "open" | "half_open";

/**
 * Circuit breaker of one server: plain counters, no timer. It opens after so many failures in a row and, after a rest,
 * lets one call at a time try (half open) until one succeeds. Time comes in as an argument.
 */
export class CircuitBreaker {
  readonly #failuresMax: number;
  readonly #restMs: number;
  #failures = 0;
  #openUntil = 0;
  #state: BreakerState = "closed";
  #probing = false;
  /** Times it opened. */
  opened = 0;

  constructor(failuresMax: number, restMs: number) {
    this.#failuresMax = failuresMax;
    this.#restMs = restMs;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /**
   * Asks for one call. Every `true` is followed by exactly one of `succeeded`, `failed`, `released`.
   * @param now milliseconds since the epoch
   */
  admit(now: number): boolean {
    if (this.#state === "closed") return true;
    if (this.#state === "open" && now >= this.#openUntil) this.#state = "half_open";
    if (this.#state === "open" || this.#probing) return false;
    this.#probing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#probing = false;
    this.#state = "closed";
  }

  failed(now: number): void {
    this.#failures++;
    this.#probing = false;
    if (this.#state === "half_open" || this.#failures >= this.#failuresMax) {
      if (this.#state !== "open") this.opened++;
      this.#state = "open";
      this.#openUntil = now + this.#restMs;
    }
  }

  /** The call ended in a way that says nothing about the server: cancelled, refused, over a limit. */
  released(): void {
    this.#probing = false;
  }

  /** Milliseconds until a call may try; 0 where one may now. */
  restMs(now: number): number {
    return this.#state === "open" ? Math.max(0, this.#openUntil - now) : 0;
  }
}
