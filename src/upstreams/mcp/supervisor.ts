import type { UpstreamCall } from "../../model/call.ts";
import { Cancellation } from "../../model/cancellation.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Log } from "../../model/ports/log.ts";
import type { UpstreamLists, UpstreamStatus } from "../../model/ports/upstream.ts";
import type { ServerDefinition } from "../../model/server.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import type { JsonRpcNotification } from "../../protocol/jsonrpc.ts";
import { backoffMs } from "./backoff.ts";
import { CATALOG_CAPABILITIES } from "./capabilities.ts";
import type { Connection, ConnectionEvents } from "./connection.ts";
import { type Connector, type Dialect, reasonOf } from "./connector.ts";
import type { UpstreamCounters } from "./counters.ts";
import { asFailure, cancelled, UpstreamFailure } from "./failure.ts";
import type { UpstreamLimits } from "./limits.ts";
import { ListRefresh } from "./list-refresh.ts";
import { SessionPool } from "./pool.ts";
import { systemCall } from "./system-call.ts";

type Cancellable = Pick<UpstreamCall, "cancellation">;
/** A connection that lived this long starts the back-off anew. */
const STABLE_MS = 10_000;
/** Longest delay a timer takes. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface SupervisorSettings {
  readonly server: ServerDefinition;
  readonly connector: Connector;
  readonly limits: UpstreamLimits;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: () => number;
  readonly gatewayInfo: JsonObject;
  readonly counters: UpstreamCounters;
  readonly onState: () => void;
  readonly onLists: (lists: UpstreamLists) => void;
  readonly onResourceUpdated: (params: JsonObject, principalId: string | undefined) => void;
  /** The server answered: whatever was held against it is settled. */
  readonly onHealthy: () => void;
  readonly onPool: (pool: SessionPool) => void;
}

/**
 * Keeps one server connected: the catalog's own connection, its reconnection, liveness checks and lists. For a legacy
 * server that connection is one session among those of the pool; for a modern one it carries the calls too.
 */
export class Supervisor {
  readonly #settings: SupervisorSettings;
  readonly #refresh: ListRefresh;
  status: UpstreamStatus = "connecting";
  reason: string | undefined;
  retryAt: number | undefined;
  main: Connection | undefined;
  /** The main connection where calls go straight to it. */
  modern: Connection | undefined;
  pool: SessionPool | undefined;
  dialect: Dialect | undefined;
  #verdictUntil = 0;
  #generation = 0;
  #failures = 0;
  #connectedAt = 0;
  #everReady = false;
  #closed = false;
  /** The failure the log was told of. */
  #told: string | undefined;
  #checking: Promise<void> | undefined;
  #connecting: Promise<void> | undefined;
  #checkTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setTimeout> | undefined;
  #refreshTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #uris = new Set<string>();

  constructor(settings: SupervisorSettings) {
    this.#settings = settings;
    this.#refresh = new ListRefresh({ ...settings, connection: () => this.main });
  }

  get lists(): UpstreamLists | undefined {
    return this.#refresh.lists;
  }

  /** Connects or, where connected, checks; failures become state. At most one at a time. */
  check(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    clearTimeout(this.#checkTimer);
    this.#checkTimer = undefined;
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /**
   * Resolves once calls can be sent. @throws UpstreamFailure why not
   * @param cancellation of whoever waits
   */
  async ready(call: Cancellable): Promise<void> {
    if (this.modern !== undefined || this.pool !== undefined) return;
    if (this.#closed)
      throw new UpstreamFailure("upstream_lost", { server: this.#settings.server.name }, { harmless: true });
    if (this.#connecting === undefined) void this.check();
    if (this.#connecting !== undefined)
      await untilCancelled(this.#connecting, call, this.#settings.server.name);
  }

  /** Calls fail: look now and then whether the server is back. */
  troubled(): void {
    if (this.#checkTimer === undefined && this.#checking === undefined) this.#scheduleCheck();
  }

  async subscribe(uri: string): Promise<void> {
    await this.ready({ cancellation: new Cancellation() });
    if (this.main === undefined) await this.check();
    if (this.main === undefined)
      throw new UpstreamFailure("upstream_unreachable", { server: this.#settings.server.name });
    this.#uris.add(uri);
    try {
      await Promise.all([this.main.subscribe(uri), this.pool?.subscribe(uri)]);
    } catch (thrown) {
      this.#uris.delete(uri);
      throw thrown;
    }
  }

  unsubscribe(uri: string): void {
    if (!this.#uris.delete(uri)) return;
    this.main?.unsubscribe(uri).catch(() => {});
    this.pool?.unsubscribe(uri);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#refresh.close();
    for (const timer of [this.#checkTimer, this.#heartbeat, this.#refreshTimer]) clearTimeout(timer);
    this.#setStatus("closed", undefined);
    const { main, pool } = this;
    this.main = undefined;
    this.modern = undefined;
    this.pool = undefined;
    await Promise.allSettled([pool?.close(main), main?.close()]);
  }

  async #check(): Promise<void> {
    const { limits } = this.#settings;
    try {
      if (this.main === undefined) await this.#connect();
      else await this.main.ping(limits.pingTimeoutMs);
      if (this.#refresh.stale) await this.#refresh.now();
      this.#healthy();
    } catch (thrown) {
      this.#unhealthy(asFailure(thrown));
    }
  }

  #connect(): Promise<void> {
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<void> {
    const { connector, limits, gatewayInfo, counters, server } = this.#settings;
    const generation = ++this.#generation;
    if (this.status !== "connecting" && this.status !== "ready") this.#setStatus("connecting", this.reason);
    if (this.#everReady) counters.reconnects++;
    // A server that was here before is tried with less patience, so that its return is noticed soon; a slow one gets its time every fourth attempt.
    const hasty = this.#everReady && this.#failures % 4 !== 3;
    const timeoutMs = Math.min(
      limits.connectTimeoutMs,
      hasty ? limits.pingTimeoutMs * 1.5 : Number.POSITIVE_INFINITY,
    );
    const client = { capabilities: CATALOG_CAPABILITIES, info: gatewayInfo };
    const opened = await connector.open({ client, events: this.#events(generation) }, undefined, timeoutMs);
    if (this.#closed || generation !== this.#generation) {
      void opened.connection.close();
      throw new UpstreamFailure("upstream_lost", { server: server.name }, { harmless: true });
    }
    this.#install(opened.connection, opened.dialect);
  }

  #install(connection: Connection, dialect: Dialect): void {
    const { clock, limits, server } = this.#settings;
    this.main = connection;
    this.dialect = dialect;
    this.#refresh.stale = true;
    this.#connectedAt = clock.now();
    this.#armRefresh();
    this.#everReady = true;
    this.#verdictUntil = clock.now() + limits.legacyVerdictMs;
    if (connection.era === "modern") {
      this.modern = connection;
      void this.pool?.close();
      this.pool = undefined;
    } else {
      this.modern = undefined;
      const singleChannel = dialect === "sse" || dialect === "stdio";
      this.pool ??= this.#newPool(singleChannel);
      const bare = singleChannel && server.sharing === "shared";
      this.pool.offer(connection, bare ? {} : CATALOG_CAPABILITIES);
    }
    for (const uri of this.#uris) connection.subscribe(uri).catch(() => {});
  }

  #newPool(singleChannel: boolean): SessionPool {
    const { clock, limits, server, counters, connector, gatewayInfo, onPool } = this.#settings;
    const pool = new SessionPool({
      server: server.name,
      sharing: server.sharing,
      singleChannel,
      sessionsMax: limits.sessionsMax,
      sessionIdleMs: limits.sessionIdleMs,
      clock,
      counters,
      open: async (capabilities, events) => {
        const request = { client: { capabilities, info: gatewayInfo }, events };
        return (await connector.open(request, this.#knownDialect())).connection;
      },
      subscribedUris: () => this.#uris,
      onCatalogNotification: (notification, own, principalId) =>
        this.#catalogNotification(notification, own, principalId),
    });
    onPool(pool);
    return pool;
  }

  /** For further sessions; stdio takes it as the era. */
  #knownDialect(): Dialect | undefined {
    return this.dialect === "stdio" ? "legacy" : this.dialect;
  }

  #events(generation: number): ConnectionEvents {
    const current = () => generation === this.#generation && !this.#closed;
    return {
      onNotification: (notification) => {
        if (!current()) return;
        if (this.pool !== undefined) this.pool.spareEvents.onNotification(notification);
        else if (!this.#catalogNotification(notification, true)) this.#settings.counters.droppedMessages++;
      },
      onQuestion: (requests) => {
        if (this.pool !== undefined && current()) return this.pool.spareEvents.onQuestion(requests);
        return systemCall("", {}, {}, 0).ask(requests);
      },
      onLost: (loss) => {
        if (current()) this.#lost(loss.reason);
      },
    };
  }

  #lost(reason: string): void {
    this.#settings.log.info({ reason }, "connection to the server ended");
    this.main = undefined;
    this.modern = undefined;
    this.pool?.offer(undefined, {});
    this.#generation++;
    if (this.#closed) return;
    const lived = this.#settings.clock.now() - this.#connectedAt;
    this.#failures = lived >= STABLE_MS ? 0 : this.#failures + 1;
    this.#setStatus("connecting", reason);
    this.#scheduleCheck();
  }

  /**
   * @param own came on the catalog's own connection.
   * @param principalId whose private session it came on otherwise; shared ones subscribe to nothing.
   */
  #catalogNotification({ method, params }: JsonRpcNotification, own: boolean, principalId?: string): boolean {
    if (method === "notifications/resources/updated") {
      const subscribed = own || principalId !== undefined;
      if (subscribed && params !== undefined && this.#uris.size > 0) {
        this.#settings.onResourceUpdated(params, own ? undefined : principalId);
      }
      return true;
    }
    if (!/^notifications\/(?:tools|prompts|resources)\/list_changed$/.test(method)) return false;
    this.#refresh.soon();
    return true;
  }

  refreshLists(): void {
    this.#refresh.soon();
  }

  #healthy(): void {
    if (this.#closed || this.main === undefined) return;
    if (this.#settings.clock.now() - this.#connectedAt >= STABLE_MS) this.#failures = 0;
    this.retryAt = undefined;
    if (this.#told !== undefined) this.#settings.log.info({}, "server can be used again");
    this.#told = undefined;
    this.#setStatus("ready", undefined);
    this.#settings.onHealthy();
    this.#armHeartbeat();
  }

  #unhealthy(failure: UpstreamFailure): void {
    if (this.#closed) return;
    const { log } = this.#settings;
    const reason = reasonOf(failure);
    // Attempts follow each other for as long as the server is away; only news is worth a warning.
    if (reason !== this.#told) log.warn({ reason }, "server cannot be used");
    else log.debug({ reason }, "server still cannot be used");
    this.#told = reason;
    // A legacy session that does not answer is given up; a modern endpoint is only an address.
    if (this.main !== undefined && this.modern === undefined && !failure.harmless) {
      const { main } = this;
      this.main = undefined;
      this.pool?.offer(undefined, {});
      this.#generation++;
      void main.close();
    }
    this.#failures++;
    this.#scheduleCheck();
    this.#setStatus("failed", reason);
  }

  #scheduleCheck(): void {
    const { limits, random, clock, server } = this.#settings;
    clearTimeout(this.#checkTimer);
    const capMs = server.connection.type === "stdio" ? limits.respawnCapMs : limits.reconnectCapMs;
    const delayMs = backoffMs(this.#failures, limits.reconnectBaseMs, capMs, random);
    this.retryAt = clock.now() + delayMs;
    this.#checkTimer = setTimeout(() => void this.check(), delayMs);
    this.#checkTimer.unref?.();
  }

  #armHeartbeat(): void {
    const { heartbeatMs } = this.#settings.server;
    clearTimeout(this.#heartbeat);
    if (heartbeatMs <= 0 || this.#closed) return;
    this.#heartbeat = setTimeout(() => void this.check(), this.#jittered(heartbeatMs));
    this.#heartbeat.unref?.();
  }

  #armRefresh(): void {
    const { refreshIntervalMs } = this.#settings.server;
    clearTimeout(this.#refreshTimer);
    if (refreshIntervalMs <= 0 || this.#closed) return;
    this.#refreshTimer = setTimeout(() => void this.#periodic(), this.#jittered(refreshIntervalMs));
    this.#refreshTimer.unref?.();
  }

  async #periodic(): Promise<void> {
    this.#armRefresh();
    if (await this.#upgraded()) return this.#lost("the server speaks 2026-07-28 now");
    this.#refresh.stale = true;
    await this.check();
  }

  async #upgraded(): Promise<boolean> {
    const { clock, limits, server, connector } = this.#settings;
    if (
      this.main?.era !== "legacy" ||
      server.protocol !== "auto" ||
      server.connection.type !== "streamable-http"
    )
      return false;
    if (clock.now() < this.#verdictUntil) return false;
    this.#verdictUntil = clock.now() + limits.legacyVerdictMs;
    const { main } = this;
    if (!(await connector.isModern()) || this.main !== main) return false;
    void main.close();
    return true;
  }

  #jittered(ms: number): number {
    return Math.min(ms * (0.9 + 0.2 * this.#settings.random()), TIMER_MAX_MS);
  }

  #setStatus(status: UpstreamStatus, reason: string | undefined): void {
    if (this.status === status && this.reason === reason) return;
    this.status = status;
    this.reason = reason;
    this.#settings.onState();
  }
}

/** Waits for work that many share, but only as long as this call lives. */
export async function untilCancelled<Value>(
  work: Promise<Value>,
  call: Cancellable,
  server: string,
): Promise<Value> {
  let forget: (() => void) | undefined;
  const cut = new Promise<never>((_, reject) => {
    forget = call.cancellation.onCancel(() => reject(cancelled(call, server)));
  });
  try {
    return await Promise.race([work, cut]);
  } finally {
    forget?.();
    cut.catch(() => {});
  }
}
