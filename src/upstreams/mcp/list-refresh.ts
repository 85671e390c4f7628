import type { Outcome } from "../../model/call.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Log } from "../../model/ports/log.ts";
import type { UpstreamLists } from "../../model/ports/upstream.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import type { Connection } from "./connection.ts";
import type { UpstreamCounters } from "./counters.ts";
import type { UpstreamLimits } from "./limits.ts";
import { readLists } from "./lists.ts";
import { systemCall } from "./system-call.ts";

/** One page of a list may take this long. */
const PAGE_TIMEOUT_MS = 30_000;
/** Announced refreshes at once, and then one per this time: a server that announces without end is not read without end. */
const BURST = 5;
const REFILL_MS = 1000;
const REPORTED_MAX = 20;

export interface ListRefreshSettings {
  readonly connection: () => Connection | undefined;
  readonly limits: UpstreamLimits;
  readonly log: Log;
  readonly clock: Clock;
  readonly gatewayInfo: JsonObject;
  readonly counters: UpstreamCounters;
  readonly onLists: (lists: UpstreamLists) => void;
}

/** Reads the lists of one server again when asked: announcements close together make one reading, and one at a time runs. */
export class ListRefresh {
  readonly #settings: ListRefreshSettings;
  lists: UpstreamLists | undefined;
  /** They were not read since the last connection. */
  stale = true;
  #running: Promise<void> | undefined;
  #again = false;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #tokens = BURST;
  #filledAt: number;
  #closed = false;

  constructor(settings: ListRefreshSettings) {
    this.#settings = settings;
    this.#filledAt = settings.clock.now();
  }

  /** For `list_changed`. Failures leave the lists as they were. */
  soon(): void {
    if (this.#soon !== undefined || this.#closed) return;
    const { limits, clock } = this.#settings;
    const now = clock.now();
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#filledAt) / REFILL_MS);
    this.#filledAt = now;
    this.#tokens -= 1;
    const delayMs = limits.listChangedDelayMs + Math.max(0, -this.#tokens * REFILL_MS);
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      void this.now().catch(() => {});
    }, delayMs);
    this.#soon.unref?.();
  }

  /** @throws UpstreamFailure where the connection failed; the old lists stay */
  now(): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#all().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#soon);
  }

  async #all(): Promise<void> {
    do {
      this.#again = false;
      await this.#once();
    } while (this.#again && !this.#closed);
  }

  async #once(): Promise<void> {
    const { connection, limits, counters, log, onLists } = this.#settings;
    const current = connection();
    if (current === undefined) return;
    counters.listRefreshes++;
    const lists = await readLists(current, (method, params) => this.#page(current, method, params), limits);
    if (this.#closed || connection() !== current) return;
    this.stale = false;
    if (lists.version === this.lists?.version) return;
    this.lists = lists;
    for (const { kind, name, reason } of lists.excluded.slice(0, REPORTED_MAX)) {
      log.warn({ kind, name, reason }, "definition left out");
    }
    onLists(lists);
  }

  async #page(connection: Connection, method: string, params: JsonObject): Promise<Outcome> {
    const { gatewayInfo, clock } = this.#settings;
    const call = systemCall(method, params, gatewayInfo, PAGE_TIMEOUT_MS, clock.now());
    const timer = setTimeout(() => call.cancellation.cancel("deadline"), PAGE_TIMEOUT_MS);
    try {
      return await connection.request(call);
    } finally {
      clearTimeout(timer);
    }
  }
}
