import type { Outcome, UpstreamCall } from "../../model/call.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Log } from "../../model/ports/log.ts";
import type {
  SessionListener,
  Upstream,
  UpstreamEvent,
  UpstreamLists,
  UpstreamState,
} from "../../model/ports/upstream.ts";
import type { ServerDefinition } from "../../model/server.ts";
import type { Era } from "../../protocol/revision.ts";
import { backoffMs, RetryBudget } from "./backoff.ts";
import { type BreakerState, CircuitBreaker } from "./breaker.ts";
import { Connector, type ConnectorDeps } from "./connector.ts";
import { UpstreamCounters } from "./counters.ts";
import { asFailure, cancelled, UpstreamFailure } from "./failure.ts";
import { type Flight, Flights } from "./flights.ts";
import { canonicalOutcome, LegacyCall } from "./legacy-call.ts";
import { Supervisor, untilCancelled } from "./supervisor.ts";

export interface McpUpstreamDeps extends ConnectorDeps {
  readonly log: Log;
  readonly clock: Clock;
}

const IDLE_LOOK_MS = 50;
/** Retries stay under this share of the calls; a few are allowed before there are any calls. */
const RETRY_SHARE = 0.2;
const RETRY_TOKENS = 10;
/** Failures after which a call certainly did not reach a running server, or may have without harm where it is repeatable. */
const RETRIED = new Set([
  "upstream_unreachable",
  "upstream_timeout",
  "upstream_lost",
  "upstream_protocol_error",
]);
/** The connection's failures: an answer to a health check tells that they are over. */
const CONNECTION_FAILURES = new Set(["upstream_unreachable", "upstream_lost"]);

/**
 * One MCP server, in whatever era and transport it speaks. Cancels a call's own `cancellation` when its time is up
 * (`deadline`) or the upstream closes (`upstream_lost`), so that everything waiting for the call ends with it.
 */
export class McpUpstream implements Upstream {
  readonly server: ServerDefinition;
  readonly counters = new UpstreamCounters();
  readonly #deps: McpUpstreamDeps;
  readonly #breaker: CircuitBreaker;
  readonly #budget = new RetryBudget(RETRY_SHARE, RETRY_TOKENS);
  readonly #flights: Flights;
  readonly #supervisor: Supervisor;
  readonly #listeners = new Set<(event: UpstreamEvent) => void>();
  readonly #sessionListeners = new Map<SessionListener, () => void>();
  readonly #subscriptions = new Map<string, { count: number; ready: Promise<void> }>();
  #closed = false;

  constructor(server: ServerDefinition, deps: McpUpstreamDeps) {
    const { limits, clock, random, gatewayInfo } = deps;
    const log = deps.log.child({ server: server.name });
    this.server = server;
    this.#deps = deps;
    this.#breaker = new CircuitBreaker(limits.breakerFailures, limits.breakerRestMs, limits.breakerTrialMs);
    this.#flights = new Flights(clock);
    this.#supervisor = new Supervisor({
      server,
      connector: new Connector(server, { ...deps, log }, this.counters),
      limits,
      log,
      clock,
      random,
      gatewayInfo,
      counters: this.counters,
      onState: () => this.#emitState(),
      onLists: (lists) => this.#emit({ kind: "lists", lists }),
      onResourceUpdated: (params, principalId) =>
        this.#emit({ kind: "resource_updated", params, principalId }),
      onHealthy: () => {
        const { state } = this.#breaker;
        this.#breaker.reachable();
        this.#tellClosed(state);
      },
      onPool: (pool) => {
        for (const listener of this.#sessionListeners.keys()) {
          this.#sessionListeners.set(listener, pool.listen(listener));
        }
      },
    });
  }

  get era(): Era | undefined {
    const { main, pool } = this.#supervisor;
    return main?.era ?? (pool === undefined ? undefined : "legacy");
  }

  get state(): UpstreamState {
    const { status, reason, retryAt, main, pool } = this.#supervisor;
    return {
      status,
      reason,
      era: this.era,
      revision: main?.revision,
      breaker: this.#breaker.state,
      inFlight: this.#flights.size,
      retryAt: status === "failed" ? retryAt : undefined,
      sessions: pool?.size ?? 0,
    };
  }

  get lists(): UpstreamLists | undefined {
    return this.#supervisor.lists;
  }

  start(): void {
    void this.#supervisor.check();
  }

  refreshLists(): void {
    this.#supervisor.refreshLists();
  }

  async call(call: UpstreamCall): Promise<Outcome> {
    const now = this.#deps.clock.now();
    const round = this.#admit(now);
    this.counters.calls++;
    this.#budget.deposit();
    const flight = this.#flights.begin(call, now, Math.min(now + this.server.timeoutMs, call.deadline));
    try {
      const { modern } = this.#supervisor;
      const outcome = await (modern === undefined ? this.#routed(call, flight) : modern.request(call));
      this.#succeeded();
      return outcome;
    } catch (thrown) {
      return await this.#recover(call, flight, round, thrown);
    } finally {
      this.#flights.end(flight);
    }
  }

  async subscribeResource(uri: string): Promise<() => void> {
    let subscription = this.#subscriptions.get(uri);
    if (subscription === undefined) {
      subscription = { count: 0, ready: this.#supervisor.subscribe(uri) };
      this.#subscriptions.set(uri, subscription);
    }
    const held = subscription;
    held.count++;
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      if (--held.count > 0 || this.#subscriptions.get(uri) !== held) return;
      this.#subscriptions.delete(uri);
      this.#supervisor.unsubscribe(uri);
    };
    try {
      await held.ready;
    } catch (thrown) {
      release();
      throw asFailure(thrown);
    }
    return release;
  }

  listen(listener: SessionListener): () => void {
    this.#sessionListeners.set(listener, this.#supervisor.pool?.listen(listener) ?? (() => {}));
    return () => {
      this.#sessionListeners.get(listener)?.();
      this.#sessionListeners.delete(listener);
    };
  }

  rootsChanged(owner: Pick<SessionListener, "principalId" | "sessionId">): void {
    this.#supervisor.pool?.rootsChanged(owner);
  }

  onEvent(listener: (event: UpstreamEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(graceMs = 0): Promise<void> {
    if (graceMs > 0) await this.#idle(graceMs);
    if (this.#closed) return;
    this.#closed = true;
    this.#flights.cancelAll("upstream_lost");
    await this.#supervisor.close();
    this.#listeners.clear();
    this.#sessionListeners.clear();
  }

  /** Looks before it decides: a call that was routed here a moment ago may still be on its way. */
  async #idle(graceMs: number): Promise<void> {
    const until = performance.now() + graceMs;
    do await Bun.sleep(IDLE_LOOK_MS);
    while (!this.#closed && this.#flights.size > 0 && performance.now() < until);
  }

  /** The breaker's round. @throws UpstreamFailure `upstream_lost`, `upstream_busy`, `upstream_circuit_open` */
  #admit(now: number): number {
    const server = this.server.name;
    if (this.#closed) throw new UpstreamFailure("upstream_lost", { server });
    if (this.#flights.busy >= this.server.maxConcurrency) {
      this.counters.busy++;
      throw new UpstreamFailure("upstream_busy", { server });
    }
    const round = this.#breaker.admit(now);
    if (round !== undefined) return round;
    const seconds = Math.max(1, Math.ceil(this.#breaker.restMs(now) / 1000));
    throw new UpstreamFailure("upstream_circuit_open", { server, seconds });
  }

  async #routed(call: UpstreamCall, flight: Flight): Promise<Outcome> {
    const supervisor = this.#supervisor;
    await supervisor.ready(call);
    if (supervisor.modern !== undefined) return supervisor.modern.request(call);
    const server = this.server.name;
    const { pool } = supervisor;
    if (pool === undefined) throw new UpstreamFailure("upstream_lost", { server }, { notRun: true });
    const legacyCall = new LegacyCall(call, flight, this.#flights);
    const session = await untilCancelled(pool.acquire(call), call, server);
    const { connection } = session;
    if (connection === undefined) throw new UpstreamFailure("upstream_lost", { server }, { notRun: true });
    session.calls.push(legacyCall);
    try {
      return canonicalOutcome(await connection.request(legacyCall), call);
    } finally {
      pool.release(session, legacyCall);
    }
  }

  /** Tries again where that is safe, in time and in budget; otherwise settles the failure. */
  async #recover(call: UpstreamCall, flight: Flight, round: number, thrown: unknown): Promise<Outcome> {
    const { limits, random, clock } = this.#deps;
    let failure = asFailure(thrown);
    for (let attempt = 0; this.#mayRetry(call, failure, attempt); attempt++) {
      const atOnce = failure.sessionEnded && attempt === 0;
      const delayMs = atOnce ? 0 : backoffMs(attempt, limits.retryBaseMs, limits.retryCapMs, random);
      if (clock.now() + delayMs >= flight.expiresAt) break;
      if (!atOnce && !this.#budget.withdraw()) break;
      this.counters.retries++;
      try {
        await pause(delayMs, call, this.server.name);
        const outcome = await this.#routed(call, flight);
        this.#succeeded();
        return outcome;
      } catch (again) {
        failure = asFailure(again);
      }
    }
    throw this.#failed(failure, flight, round);
  }

  #mayRetry(call: UpstreamCall, failure: UpstreamFailure, attempt: number): boolean {
    if (this.#closed || call.cancellation.cancelled) return false;
    if (failure.sessionEnded && failure.notRun && attempt === 0) return true;
    if (attempt >= this.server.maxRetries || !RETRIED.has(failure.code)) return false;
    return failure.harmless ? false : failure.notRun || call.repeatable;
  }

  #succeeded(): void {
    const { state } = this.#breaker;
    this.#breaker.succeeded();
    this.#tellClosed(state);
  }

  #tellClosed(before: BreakerState): void {
    if (before === "closed" || this.#breaker.state !== "closed") return;
    this.#deps.log.info({ server: this.server.name }, "circuit breaker closed");
    this.#emitState();
  }

  #failed(failure: UpstreamFailure, flight: Flight, round: number): UpstreamFailure {
    const now = this.#deps.clock.now();
    const breaker = this.#breaker;
    this.counters.failures++;
    const timedOut = failure.code === "upstream_timeout";
    // A caller in a hurry says nothing about the server.
    const hurried = timedOut && now - flight.startedAt < 0.9 * this.server.timeoutMs;
    const before = breaker.state;
    if (failure.harmless || hurried) breaker.released(round);
    else breaker.failed(now, round, CONNECTION_FAILURES.has(failure.code) ? "connection" : "call");
    if (breaker.opened > this.counters.breakerOpened)
      this.#deps.log.warn({ server: this.server.name, error: failure.code }, "circuit breaker opened");
    this.counters.breakerOpened = breaker.opened;
    if (breaker.state !== before) this.#emitState();
    if (breaker.state === "open") this.#supervisor.troubled();
    if (!timedOut) return failure;
    const seconds = Math.max(0.1, Math.round((flight.expiresAt - flight.startedAt) / 100) / 10);
    return new UpstreamFailure("upstream_timeout", { server: this.server.name, seconds }, { cause: failure });
  }

  #emitState(): void {
    if (this.#listeners.size > 0) this.#emit({ kind: "state", state: this.state });
  }

  #emit(event: UpstreamEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (thrown) {
        this.#deps.log.error({ server: this.server.name, error: String(thrown) }, "listener failed");
      }
    }
  }
}

function pause(ms: number, call: UpstreamCall, server: string): Promise<void> {
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      forget();
      resolve();
    }, ms);
    const forget = call.cancellation.onCancel(() => {
      clearTimeout(timer);
      reject(cancelled(call, server));
    });
  });
}
