import { GatewayError } from "../errors/gateway-error.ts";
import type { Outcome } from "../model/call.ts";
import type { Exchange, Target } from "../model/exchange.ts";
import type { Journal } from "../model/ports/journal.ts";
import type { Log } from "../model/ports/log.ts";
import { ParkedCall, type ParkedCallEvents } from "./parked-call.ts";
import type { RequestStates } from "./request-state.ts";

/** How long an ended call answers the same retry again. */
const REPLAY_MS = 60_000;
/** Ended calls remembered for that; past it the oldest is forgotten. */
const ENDED_MAX = 1_000;
/** Results of ended calls kept together, as their servers sent them; past it the oldest is forgotten. */
const ENDED_BYTES_MAX = 32 * 1024 * 1024;
/** A larger result is not kept for a repeated retry. */
const REPLAY_BYTES_MAX = 64 * 1024;

export interface ParkedCallLimits {
  /** Calls that wait for their client's answers at once in one process. */
  readonly callsMax: number;
  /** The same for one principal. */
  readonly callsPerPrincipalMax: number;
  /** How long a client may take to answer. */
  readonly lifeMs: number;
}

export interface ParkedCallDeps {
  readonly states: RequestStates;
  readonly journal: Journal;
  readonly log: Log;
  readonly limits: ParkedCallLimits;
}

interface EndedCall {
  readonly timer: ReturnType<typeof setTimeout>;
  readonly bytes: number;
}

/** The calls of this process whose servers have asked their clients something, from the first question to the end. */
export class ParkedCalls {
  readonly #deps: ParkedCallDeps;
  readonly #calls = new Map<string, ParkedCall>();
  readonly #ended = new Map<string, EndedCall>();
  #endedBytes = 0;
  readonly #expiries = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #perPrincipal = new Map<string, number>();
  readonly #events: ParkedCallEvents = {
    onFirstQuestion: (call) => this.#admit(call),
    record: (call, exchange, act, keys) => this.#record(call, exchange, act, keys),
    seal: (call, exchange) =>
      this.#deps.states.seal(
        exchange,
        { kind: "parked", callId: call.id, round: call.round },
        this.#deps.limits.lifeMs,
      ),
    onParked: (call) => this.#expireLater(call),
    onAttended: (call) => this.#stopExpiry(call),
    onEnded: (call) => this.#leave(call),
  };
  #closed = false;

  constructor(deps: ParkedCallDeps) {
    this.#deps = deps;
  }

  /** Calls that have asked and not ended. */
  get size(): number {
    return this.#calls.size - this.#ended.size;
  }

  /** What a call that has asked is about; `undefined` where it is not known (any more). */
  targetOf(callId: string): Target | undefined {
    return this.#calls.get(callId)?.exchange.target;
  }

  /** Runs a call that may have to ask its client. */
  run(exchange: Exchange, next: (exchange: Exchange) => Outcome | Promise<Outcome>): Promise<Outcome> {
    return new ParkedCall(exchange, this.#events).start(next);
  }

  /**
   * Goes on with a call that has asked.
   * @throws GatewayError `call_lost` where it is not known (any more): it is never run a second time
   */
  retry(exchange: Exchange, callId: string, round: number): Promise<Outcome> {
    const call = this.#calls.get(callId);
    if (call === undefined) throw new GatewayError("call_lost");
    return call.retry(exchange, round);
  }

  /** Ends what waits for a client that is away; calls whose client waits are the waiting room's to interrupt. */
  close(): void {
    this.#closed = true;
    for (const call of [...this.#calls.values()])
      if (!call.attended && !call.ended) call.abandon("abandoned");
  }

  #admit(call: ParkedCall): void {
    const { callsMax, callsPerPrincipalMax } = this.#deps.limits;
    const { id } = call.exchange.principal;
    const own = this.#perPrincipal.get(id) ?? 0;
    if (this.#closed || this.size >= callsMax || own >= callsPerPrincipalMax)
      throw new GatewayError("overloaded");
    this.#perPrincipal.set(id, own + 1);
    this.#calls.set(call.id, call);
  }

  async #record(
    call: ParkedCall,
    exchange: Exchange,
    act: "asked" | "answered",
    keys: readonly string[],
  ): Promise<void> {
    const { principal, endpoint, intent, target } = call.exchange;
    await this.#deps.journal.event({
      kind: "call_round",
      action: `call.${act}`,
      actor: principal.id,
      actorName: principal.name,
      organizationId: principal.organizationId,
      namespaceId: endpoint.namespaceId,
      target: target === undefined ? undefined : `${target.server.name}:${target.name}`,
      correlationId: exchange.id,
      clientAddress: exchange.clientAddress,
      detail: { callId: intent?.callId ?? null, round: call.round, questions: [...keys] },
    });
  }

  #expireLater(call: ParkedCall): void {
    if (call.ended) return;
    const timer = setTimeout(() => {
      this.#deps.log.info({ correlationId: call.exchange.id }, "a client did not come back with its answers");
      call.abandon("abandoned");
    }, this.#deps.limits.lifeMs);
    timer.unref();
    this.#expiries.set(call.id, timer);
    if (this.#closed) call.abandon("abandoned");
  }

  #stopExpiry(call: ParkedCall): void {
    clearTimeout(this.#expiries.get(call.id));
    this.#expiries.delete(call.id);
  }

  /** Ended: the client may still fetch the end, or ask for it again where its answer got lost on the way. */
  #leave(call: ParkedCall): void {
    this.#stopExpiry(call);
    if (!this.#calls.has(call.id)) return;
    const { id } = call.exchange.principal;
    const own = (this.#perPrincipal.get(id) ?? 1) - 1;
    if (own > 0) this.#perPrincipal.set(id, own);
    else this.#perPrincipal.delete(id);
    if (call.resultBytes > REPLAY_BYTES_MAX && !call.unfetched) {
      this.#calls.delete(call.id);
      return;
    }
    const keptMs = call.unfetched ? this.#deps.limits.lifeMs : REPLAY_MS;
    const timer = setTimeout(() => this.#forget(call.id), keptMs);
    timer.unref();
    this.#ended.set(call.id, { timer, bytes: call.resultBytes });
    this.#endedBytes += call.resultBytes;
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= ENDED_MAX && this.#endedBytes <= ENDED_BYTES_MAX) break;
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    const ended = this.#ended.get(id);
    this.#calls.delete(id);
    if (ended === undefined) return;
    clearTimeout(ended.timer);
    this.#endedBytes -= ended.bytes;
    this.#ended.delete(id);
  }
}
