/** What a roster lists: it knows its own place there. */
export interface Seated {
  /** The roster's own: where it sits, -1 when it does not. In one roster at a time. */
  seat: number;
}

/**
 * Those present, where many come and go: entering and leaving cost an array write each, in no order.
 *
 * Not a `Set`: JavaScriptCore chains a set's (and a map's) outgrown tables, entries and all, to the table in use. From a
 * table that has grown old, a collection of the young therefore reaches nearly all that ever passed through, and keeps it
 * until the next full collection.
 */
export class Roster<T extends Seated> {
  readonly #present: T[] = [];

  get size(): number {
    return this.#present.length;
  }

  enter(one: T): void {
    one.seat = this.#present.push(one) - 1;
  }

  /** Does nothing to who is not there. */
  leave(one: T): void {
    const { seat } = one;
    if (seat < 0) return;
    one.seat = -1;
    const last = this.#present.pop();
    if (last === undefined || last === one) return;
    this.#present[seat] = last;
    last.seat = seat;
  }

  /** A copy: what is done to one may make others leave. */
  all(): T[] {
    return this.#present.slice();
  }
}
