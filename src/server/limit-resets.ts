import type { AcrossTenants } from "../model/ports/store.ts";

const READ_MS = 2_000;
/** A process that could not read for longer has an outage of the store behind it. */
const WINDOW_MS = 60_000;

type ResetStore = Pick<AcrossTenants, "addLimitReset" | "limitResets">;

/**
 * What was counted and is to be forgotten, in every process that counts in its own memory: written once, read by each every
 * 2 s, and at once by those that are told.
 */
export class LimitResets {
  readonly #store: ResetStore;
  readonly #forget: (ruleId: string, subject: string | undefined) => void;
  /** When each was done here, for as long as it may be read again. */
  readonly #done = new Map<string, number>();
  #reading: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param forget in this process */
  constructor(store: ResetStore, forget: (ruleId: string, subject: string | undefined) => void) {
    this.#store = store;
    this.#forget = forget;
  }

  async start(): Promise<void> {
    await this.read();
    this.#timer = setInterval(() => void this.read(), READ_MS);
    this.#timer.unref();
  }
  close(): void {
    clearInterval(this.#timer);
  }

  /** @throws GatewayError `store_unavailable` */
  async add(ruleId: string, subject: string | undefined): Promise<void> {
    const id = Bun.randomUUIDv7();
    this.#done.set(id, performance.now());
    await this.#store.addLimitReset({ id, ruleId, subject: subject ?? null });
  }

  /** Forgets what others said since; one reading at a time. */
  read(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  async #read(): Promise<void> {
    // The configuration's poll says that the store is away.
    const resets = await this.#store.limitResets(WINDOW_MS).catch(() => undefined);
    if (resets === undefined) return;
    const now = performance.now();
    for (const { id, ruleId, subject } of resets) {
      if (this.#done.has(id)) continue;
      this.#done.set(id, now);
      this.#forget(ruleId, subject ?? undefined);
    }
    for (const [id, at] of this.#done) if (now - at > 2 * WINDOW_MS) this.#done.delete(id);
  }
}
