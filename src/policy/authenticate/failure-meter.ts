import { networkOf } from "../../model/network.ts";
import type { Clock } from "../../model/ports/clock.ts";

const WINDOW_MS = 60_000;
const ADDRESSES_MAX = 10_000;

/** Counts failed attempts by address in one-minute windows; bounded, the oldest address forgotten first. */
export class FailureMeter {
  readonly #windows = new Map<string, { startedAt: number; failures: number }>();
  readonly #clock: Clock;
  readonly #failuresMax: number;

  /** @param failuresMax failed attempts a minute before an address has to wait. */
  constructor(clock: Clock, failuresMax: number) {
    this.#clock = clock;
    this.#failuresMax = failuresMax;
  }

  count(address: string): void {
    const now = this.#clock.now();
    const key = networkOf(address);
    const window = this.#windows.get(key);
    if (window !== undefined && now - window.startedAt < WINDOW_MS) {
      window.failures++;
      return;
    }
    this.#windows.delete(key);
    if (this.#windows.size >= ADDRESSES_MAX) {
      const oldest = this.#windows.keys().next().value;
      if (oldest !== undefined) this.#windows.delete(oldest);
    }
    this.#windows.set(key, { startedAt: now, failures: 1 });
  }

  /** Seconds this address has to wait; 0 where it need not. */
  waitSeconds(address: string): number {
    if (this.#windows.size === 0) return 0;
    const window = this.#windows.get(networkOf(address));
    if (window === undefined || window.failures < this.#failuresMax) return 0;
    const leftMs = window.startedAt + WINDOW_MS - this.#clock.now();
    return leftMs > 0 ? Math.ceil(leftMs / 1000) : 0;
  }
}
