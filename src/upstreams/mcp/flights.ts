import type { UpstreamCall } from "../../model/call.ts";
import type { CancelReason } from "../../model/cancellation.ts";
import type { Clock } from "../../model/ports/clock.ts";

/** One call under way. */
export class Flight {
  readonly call: UpstreamCall;
  readonly startedAt: number;
  expiresAt: number;
  /** Questions to the client that are waiting: while there is one, the clock stands still. */
  asking = 0;
  ended = false;
  #pausedAt = 0;
  /** Neighbours in the list of flights under way. */
  before: Flight | undefined = undefined;
  after: Flight | undefined = undefined;

  constructor(call: UpstreamCall, startedAt: number, expiresAt: number) {
    this.call = call;
    this.startedAt = startedAt;
    this.expiresAt = expiresAt;
  }

  pause(now: number): void {
    if (this.asking++ === 0) this.#pausedAt = now;
  }
  resume(now: number): void {
    if (--this.asking === 0) this.expiresAt += now - this.#pausedAt;
  }
}

/**
 * The calls under way on one server, and their timeouts under a single timer: a timer per call costs more than the
 * call's own bookkeeping. A call past its time is cancelled with the reason `deadline`.
 */
export class Flights {
  readonly #clock: Clock;
  /** A linked list, newest first: entering and leaving allocate nothing. */
  #newest: Flight | undefined;
  #size = 0;
  #asking = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #firesAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }
  /** Those whose server is at work: one that waits for its client's answers keeps no place from others. */
  get busy(): number {
    return this.#size - this.#asking;
  }

  /** @param expiresAt milliseconds since the epoch */
  begin(call: UpstreamCall, now: number, expiresAt: number): Flight {
    const flight = new Flight(call, now, expiresAt);
    const next = this.#newest;
    if (next !== undefined) {
      flight.after = next;
      next.before = flight;
    }
    this.#newest = flight;
    this.#size++;
    if (expiresAt < this.#firesAt) this.#arm(expiresAt);
    return flight;
  }

  end(flight: Flight): void {
    const { before, after } = flight;
    if (before !== undefined) before.after = after;
    else this.#newest = after;
    if (after !== undefined) after.before = before;
    flight.before = undefined;
    flight.after = undefined;
    this.#size--;
    if (flight.asking > 0) this.#asking--;
    flight.ended = true;
  }

  /** The client has answered; the time it took is not the server's. */
  resume(flight: Flight): void {
    flight.resume(this.#clock.now());
    if (flight.ended) return;
    if (flight.asking === 0) this.#asking--;
    if (flight.asking === 0 && flight.expiresAt < this.#firesAt) this.#arm(flight.expiresAt);
  }
  pause(flight: Flight): void {
    if (flight.asking === 0 && !flight.ended) this.#asking++;
    flight.pause(this.#clock.now());
  }

  cancelAll(reason: CancelReason): void {
    clearTimeout(this.#timer);
    this.#firesAt = Number.POSITIVE_INFINITY;
    for (const flight of this.#all()) flight.call.cancellation.cancel(reason);
  }

  /** A copy: cancelling one may end others. */
  #all(): Flight[] {
    const flights: Flight[] = [];
    for (let flight = this.#newest; flight !== undefined; flight = flight.after) flights.push(flight);
    return flights;
  }

  #arm(at: number): void {
    clearTimeout(this.#timer);
    this.#firesAt = at;
    this.#timer = setTimeout(this.#sweep, Math.min(Math.max(0, at - this.#clock.now()), 2 ** 31 - 1));
    this.#timer.unref?.();
  }

  readonly #sweep = (): void => {
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const flight of this.#all()) {
      if (flight.asking > 0) continue;
      if (flight.expiresAt <= now) flight.call.cancellation.cancel("deadline");
      else if (flight.expiresAt < next) next = flight.expiresAt;
    }
    this.#firesAt = Number.POSITIVE_INFINITY;
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
  };
}
