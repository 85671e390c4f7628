import type { Log } from "../model/ports/log.ts";
import type { SessionLedger } from "../model/ports/session-ledger.ts";
import type { Store } from "../model/ports/store.ts";
import type { SessionRecord } from "../model/session-record.ts";

const TOUCH_INTERVAL_MS = 60_000;
const FLUSH_MS = 2_000;

/** The `mcp_sessions` rows behind the sessions of this process. Beginnings and uses are written behind; ends at once. */
export class StoreSessionLedger implements SessionLedger {
  readonly #store: Store;
  readonly #log: Log;
  readonly #touchedAt = new Map<string, number>();
  readonly #uses = new Map<string, number>();
  readonly #flusher: ReturnType<typeof setInterval>;

  constructor(store: Store, log: Log) {
    this.#store = store;
    this.#log = log;
    this.#flusher = setInterval(() => void this.flush(), FLUSH_MS);
    this.#flusher.unref();
  }

  opened(record: SessionRecord): void {
    this.#touchedAt.set(record.id, record.startedAt);
    this.#store.sessions.create(record).catch((cause: unknown) => {
      this.#log.warn({ session: record.id, err: cause }, "session could not be written to the store");
    });
  }

  active(id: string): void {
    const now = Date.now();
    if (now - (this.#touchedAt.get(id) ?? 0) < TOUCH_INTERVAL_MS) return;
    this.#touchedAt.set(id, now);
    this.#uses.set(id, now);
  }

  async ended(organizationId: string, id: string): Promise<void> {
    this.#touchedAt.delete(id);
    this.#uses.delete(id);
    await this.#store.sessions.end(organizationId, id, "terminated", Date.now());
  }

  async isEnded(organizationId: string, id: string): Promise<boolean> {
    const row = await this.#store.sessions.find(organizationId, id);
    return row !== undefined && row.status !== "active";
  }

  async flush(): Promise<void> {
    if (this.#uses.size === 0) return;
    const uses = [...this.#uses].map(([id, at]) => ({ id, at }));
    this.#uses.clear();
    try {
      await this.#store.acrossTenants.touchSessions(uses);
    } catch (cause) {
      this.#log.warn({ err: cause }, "uses of sessions could not be written to the store");
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#flusher);
    await this.flush();
  }
}
