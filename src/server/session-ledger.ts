import { GatewayError } from "../errors/gateway-error.ts";
import type { Log } from "../model/ports/log.ts";
import type { SessionLedger, SessionState } from "../model/ports/session-ledger.ts";
import type { Store } from "../model/ports/store.ts";
import type { SessionRecord } from "../model/session-record.ts";

const TOUCH_INTERVAL_MS = 60_000;
const FLUSH_MS = 2_000;
/** How late at most an end in another process is known here, where nobody could tell. */
const FOLLOW_MS = 1_000;
/** Clocks of machines differ by less. */
const ENDED_WINDOW_MS = 10_000;
/** Longest wait of a client for what its session's row is told. */
const WRITE_MS_MAX = 1_000;

/** The `mcp_sessions` rows behind the sessions of this process. Uses are written behind; ends at once. */
export class StoreSessionLedger implements SessionLedger {
  readonly #store: Store;
  readonly #log: Log;
  /** When a use was last written, or is about to be; the longest ago first. Forgotten when the next one would be. */
  readonly #touchedAt = new Map<string, number>();
  readonly #uses = new Map<string, number>();
  /** Rows being made: what changes them waits. */
  readonly #making = new Map<string, Promise<void>>();
  readonly #flusher: ReturnType<typeof setInterval>;
  #onEnded: (id: string) => void = () => {};
  #follower: ReturnType<typeof setInterval> | undefined;

  constructor(store: Store, log: Log) {
    this.#store = store;
    this.#log = log;
    this.#flusher = setInterval(() => void this.flush(), FLUSH_MS);
    this.#flusher.unref();
  }

  /** Sessions something is kept of here: those used, opened and not ended, within the last minute. */
  get size(): number {
    return this.#touchedAt.size;
  }

  /** Says which sessions ended elsewhere, or gave up their place. With an embedded store there is no elsewhere. */
  followEnds(onEnded: (id: string) => void): void {
    this.#onEnded = onEnded;
    if (this.#store.kind === "sqlite") return;
    let isAsking = false;
    this.#follower = setInterval(async () => {
      if (isAsking) return;
      isAsking = true;
      const since = Date.now() - ENDED_WINDOW_MS;
      const ids = await this.#store.acrossTenants.sessionsEndedSince(since).catch(() => []);
      for (const id of ids) onEnded(id);
      isAsking = false;
    }, FOLLOW_MS);
    this.#follower.unref();
  }

  async opened(record: SessionRecord): Promise<void> {
    this.#touchedAt.set(record.id, record.startedAt);
    let refused: GatewayError | undefined;
    const made = this.#written(record.id, async () => {
      try {
        const displaced = await this.#store.sessions.create(record);
        if (displaced !== undefined) this.#onEnded(displaced);
      } catch (thrown) {
        if (!(thrown instanceof GatewayError && thrown.code === "sessions_exhausted")) throw thrown;
        refused = thrown;
        this.#touchedAt.delete(record.id);
        // The answer may be out, where the store took its time.
        this.#onEnded(record.id);
      }
    });
    this.#making.set(record.id, made);
    await made.finally(() => this.#making.delete(record.id));
    if (refused !== undefined) throw refused;
  }

  active(id: string): void {
    const now = Date.now();
    if (now - (this.#touchedAt.get(id) ?? 0) < TOUCH_INTERVAL_MS) return;
    this.#touchedAt.delete(id);
    this.#touchedAt.set(id, now);
    this.#uses.set(id, now);
  }

  async ended(organizationId: string, id: string): Promise<void> {
    this.#touchedAt.delete(id);
    this.#uses.delete(id);
    await this.#making.get(id);
    await this.#store.sessions.end(organizationId, id, "terminated", Date.now());
  }

  async find(organizationId: string, id: string): Promise<SessionState | undefined> {
    const row = await this.#store.sessions.find(organizationId, id);
    return (
      row && {
        isEnded: row.status !== "active",
        logLevel: row.logLevel,
        subscriptions: row.subscriptions,
        streamAt: row.connectionId,
      }
    );
  }

  async change(
    organizationId: string,
    id: string,
    { logLevel, streamAt }: { readonly logLevel?: string; readonly streamAt?: string },
  ): Promise<void> {
    await this.#making.get(id);
    // Who holds the stream matters to other processes alone.
    if (this.#store.kind === "sqlite" && logLevel === undefined) return;
    const change = {
      ...(logLevel !== undefined && { logLevel }),
      ...(streamAt !== undefined && { connectionId: streamAt }),
    };
    await this.#written(id, () => this.#store.sessions.update(organizationId, id, change));
  }

  async subscribe(organizationId: string, id: string, uri: string, isSubscribed: boolean): Promise<void> {
    await this.#making.get(id);
    await this.#written(id, () => this.#store.sessions.subscribe(organizationId, id, uri, isSubscribed));
  }

  async #written(id: string, write: () => Promise<unknown>): Promise<void> {
    const failed = (cause: unknown): void =>
      this.#log.warn({ session: id, err: cause }, "session could not be written to the store");
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, WRITE_MS_MAX);
    await Promise.race([write().then(() => {}, failed), late]);
    clearTimeout(timer);
  }

  async flush(): Promise<void> {
    this.#forgetTouches(Date.now() - TOUCH_INTERVAL_MS);
    if (this.#uses.size === 0) return;
    const uses = [...this.#uses].map(([id, at]) => ({ id, at }));
    this.#uses.clear();
    try {
      await this.#store.acrossTenants.touchSessions(uses);
    } catch (cause) {
      this.#log.warn({ err: cause }, "uses of sessions could not be written to the store");
    }
  }

  /** A session that is left to its idle time ends without a word. */
  #forgetTouches(oldest: number): void {
    for (const [id, at] of this.#touchedAt) {
      if (at > oldest) return;
      this.#touchedAt.delete(id);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#flusher);
    clearInterval(this.#follower);
    await this.flush();
  }
}
