/** How late a deadline may be noticed. */
const TICK_MS = 100;

export interface Deadline {
  /** On `performance.now()`'s scale; `Infinity` while nothing is due. */
  expiresAtMs: number;
  expire(): void;
}

/**
 * Watches many deadlines with one interval, so that arming one costs a number write and no timer. A tick reads every entry
 * (about 10 ns each). The interval runs while there are entries and never keeps the process alive.
 */
export class DeadlineScan {
  readonly #entries = new Set<Deadline>();
  #timer: ReturnType<typeof setInterval> | undefined;

  get size(): number {
    return this.#entries.size;
  }

  add(entry: Deadline): void {
    this.#entries.add(entry);
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  delete(entry: Deadline): void {
    this.#entries.delete(entry);
    if (this.#entries.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const entry of this.#entries) if (entry.expiresAtMs <= nowMs) entry.expire();
  }
}
