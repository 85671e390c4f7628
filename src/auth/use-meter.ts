import type { Log } from "../model/ports/log.ts";
import type { Use } from "../model/ports/store.ts";

const FLUSH_MS = 5_000;
/** Keys noted between two writes; further ones are written at their next use. */
const PENDING_MAX = 20_000;

/** Collects when keys were used and writes it in batches; a batch that fails is dropped, for the next use says it again. */
export class UseMeter {
  readonly #write: (uses: readonly Use[]) => Promise<void>;
  readonly #log: Log;
  #pending = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(write: (uses: readonly Use[]) => Promise<void>, log: Log) {
    this.#write = write;
    this.#log = log;
  }

  note(id: string, at: number): void {
    if (this.#pending.size >= PENDING_MAX && !this.#pending.has(id)) return;
    this.#pending.set(id, at);
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    const uses = [...this.#pending].map(([id, at]) => ({ id, at }));
    this.#pending = new Map();
    try {
      await this.#write(uses);
    } catch (failure) {
      this.#log.warn({ failure, keys: uses.length }, "times of last use were not written");
    }
  }
}
