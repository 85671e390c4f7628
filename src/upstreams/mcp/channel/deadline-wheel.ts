import type { Clock } from "../../../model/ports/clock.ts";
import { Roster, type Seated } from "../../../model/roster.ts";

/** Something with a deadline that may move. */
export interface Timed extends Seated {
  /** Milliseconds since the epoch; asked again when it was due, so it may have moved on. `Infinity` means not now. */
  dueAt(): number;
  onDue(): void;
  /** The wheel's own: the slot its seat is in. */
  slot: number;
}

/**
 * Deadlines of many requests on one timer: a timer object per call costs more than the call's own bookkeeping.
 * Fires up to one tick late, never early.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: Roster<Timed>[];
  #size = 0;
  #lastTick = 0;
  #idleTicks = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(clock: Clock, tickMs = 25, slots = 512) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#slots = Array.from({ length: slots }, () => new Roster());
  }

  /** Deadlines under watch. */
  get size(): number {
    return this.#size;
  }

  add(entry: Timed): void {
    if (entry.seat >= 0) return;
    entry.slot = this.#slotFor(entry.dueAt());
    this.#slots[entry.slot]?.enter(entry);
    this.#size++;
    this.#start();
  }

  remove(entry: Timed): void {
    if (entry.seat < 0) return;
    this.#slots[entry.slot]?.leave(entry);
    this.#size--;
  }

  /** Takes a deadline that moved nearer. */
  move(entry: Timed): void {
    if (entry.seat < 0) return;
    this.remove(entry);
    this.add(entry);
  }

  #slotFor(dueAt: number): number {
    const now = this.#clock.now();
    const horizon = now + this.#tickMs * (this.#slots.length - 2);
    // At least the next tick: the current one may have been looked at already.
    const tick = Math.max(
      Math.ceil(Math.min(dueAt, horizon) / this.#tickMs),
      Math.floor(now / this.#tickMs) + 1,
    );
    return tick % this.#slots.length;
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    this.#lastTick = Math.floor(this.#clock.now() / this.#tickMs);
    this.#idleTicks = 0;
    this.#timer = setInterval(() => this.#turn(), this.#tickMs);
    this.#timer.unref?.();
  }

  #turn(): void {
    const now = this.#clock.now();
    const tick = Math.floor(now / this.#tickMs);
    // A clock that jumped costs one look at every slot, no more.
    const from = Math.max(this.#lastTick + 1, tick - this.#slots.length + 1);
    for (let at = from; at <= tick; at++) this.#visit(at % this.#slots.length, now);
    if (tick < this.#lastTick) for (let slot = 0; slot < this.#slots.length; slot++) this.#visit(slot, now);
    this.#lastTick = tick;
    // Kept running for a second after the last entry, so that one call after another does not start a timer each.
    this.#idleTicks = this.#size === 0 ? this.#idleTicks + 1 : 0;
    if (this.#idleTicks * this.#tickMs > 1000) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  #visit(slot: number, now: number): void {
    const entries = this.#slots[slot];
    if (entries === undefined || entries.size === 0) return;
    for (const entry of entries.all()) {
      if (entry.seat < 0 || entry.slot !== slot) continue;
      this.remove(entry);
      if (entry.dueAt() <= now) entry.onDue();
      else this.add(entry);
    }
  }
}
