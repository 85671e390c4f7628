import type { Log } from "../model/ports/log.ts";
import type { PeerRecord, PeerRows } from "../model/ports/store.ts";

const HEARTBEAT_MS = 2_000;
/** A process not seen for this long counts as gone. */
const LIVING_MS = 10_000;
/** Rows of those that ended without removing theirs are kept no longer. */
const UNSEEN_MS_MAX = 60_000;
const PRUNE_ROUNDS = 30;
/** Ids nobody knows make the store be asked at most this often. */
const LOOK_UP_MS = 250;
/** After the store was away nobody has been seen for a while: a process is gone when it is missing this often. */
const MISSING_MAX = 2;

/** Who lives: rows with a heartbeat. Where the store is away, what was known last holds. */
export class PeerDirectory {
  readonly #rows: PeerRows;
  readonly #self: PeerRecord;
  readonly #log: Log;
  readonly #onGone: (id: string) => void;
  readonly #others = new Map<string, PeerRecord>();
  readonly #missing = new Map<string, number>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #round = 0;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(rows: PeerRows, self: PeerRecord, log: Log, onGone: (id: string) => void) {
    this.#rows = rows;
    this.#self = self;
    this.#log = log;
    this.#onGone = onGone;
  }

  get others(): readonly PeerRecord[] {
    return [...this.#others.values()];
  }
  find(id: string): PeerRecord | undefined {
    return this.#others.get(id);
  }

  async start(): Promise<void> {
    await this.#beat();
    this.#timer = setInterval(() => void this.#beat(), HEARTBEAT_MS);
  }

  /** The same as `find`, but a process that has begun just now is found too. */
  async lookUp(id: string): Promise<PeerRecord | undefined> {
    if (this.#others.has(id) || performance.now() - this.#readAt < LOOK_UP_MS) return this.#others.get(id);
    await this.read();
    return this.#others.get(id);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#rows.remove(this.#self.id).catch(() => {});
  }

  /** Several that ask at once share one reading. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #beat(): Promise<void> {
    try {
      await this.#rows.seen(this.#self);
      if (this.#round++ % PRUNE_ROUNDS === 0) await this.#rows.removeUnseen(UNSEEN_MS_MAX);
    } catch (cause) {
      this.#log.debug({ err: cause }, "the store does not know that this process lives");
    }
    await this.read();
  }

  async #read(): Promise<void> {
    this.#readAt = performance.now();
    const living = await this.#rows.living(LIVING_MS).catch(() => undefined);
    if (living === undefined) return;
    const ids = new Set<string>();
    for (const peer of living) {
      if (peer.id === this.#self.id) continue;
      ids.add(peer.id);
      this.#missing.delete(peer.id);
      this.#others.set(peer.id, peer);
    }
    for (const id of [...this.#others.keys()]) {
      if (ids.has(id)) continue;
      const missing = (this.#missing.get(id) ?? 0) + 1;
      this.#missing.set(id, missing);
      if (missing >= MISSING_MAX) this.#drop(id);
    }
  }

  #drop(id: string): void {
    this.#missing.delete(id);
    this.#others.delete(id);
    this.#onGone(id);
  }
}
