/**
 * Exponential back-off with full jitter: a delay drawn evenly from zero to `baseMs · 2^attempt`, at most `capMs`.
 * @param attempt 0 for the first repetition
 * @param random in [0, 1)
 */
export function backoffMs(attempt: number, baseMs: number, capMs: number, random: () => number): number {
  return Math.floor(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)));
}

/** Retries a server may get: a share of its calls, so that repetition never multiplies the load of an outage. */
export class RetryBudget {
  readonly #share: number;
  readonly #tokensMax: number;
  #tokens: number;

  /** @param share of calls, 0.2 for 20 %; @param tokensMax retries that may be saved up, and the first allowance */
  constructor(share: number, tokensMax: number) {
    this.#share = share;
    this.#tokensMax = tokensMax;
    this.#tokens = tokensMax;
  }

  deposit(): void {
    if (this.#tokens < this.#tokensMax) this.#tokens += this.#share;
  }

  withdraw(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
