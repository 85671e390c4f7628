import type { Log } from "../model/ports/log.ts";
import type { AcrossTenants } from "../model/ports/store.ts";

const BEAT_MS = 2_000;
/** A process that gave no sign for this long is not counted any more. */
const LIFE_MS = 6_000;

/**
 * How many processes count limits side by side on one store. Each gives a sign every 2 s and learns the number by it; with
 * the store away the last number stands. For up to 2 s after one more began, the others do not know of it.
 */
export class LimitCensus {
  readonly #store: Pick<AcrossTenants, "countLimitProcess">;
  readonly #log: Log;
  readonly #id = crypto.randomUUID();
  #timer: ReturnType<typeof setInterval> | undefined;
  processes = 1;

  constructor(store: Pick<AcrossTenants, "countLimitProcess">, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.#beat();
    this.#timer = setInterval(() => void this.#beat(), BEAT_MS);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#store.countLimitProcess(this.#id, 0).catch(() => {});
  }

  async #beat(): Promise<void> {
    try {
      const count = await this.#store.countLimitProcess(this.#id, LIFE_MS);
      if (count !== this.processes) this.#log.info({ processes: count }, "processes that share limits");
      this.processes = Math.max(1, count);
    } catch {
      // The configuration's poll says that the store is away.
    }
  }
}
