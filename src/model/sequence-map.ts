const FIRST_CAPACITY = 64;
const CAPACITY_MAX = 1 << 14;

/**
 * A map for what is under way: its keys count up from somewhere, and most entries are gone after a few more. Setting,
 * reading and deleting cost an array access each. Why not a `Map`: see `Roster`.
 */
export class SequenceMap<V> {
  /** An entry stands at its key modulo the capacity, a power of two. */
  #entries: (readonly [key: number, value: V] | undefined)[] = Array.from({ length: FIRST_CAPACITY });
  /** Those that stayed until a later key wanted their place. */
  readonly #longStaying = new Map<number, V>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  set(key: number, value: V): void {
    if (this.#longStaying.has(key)) {
      this.#longStaying.set(key, value);
      return;
    }
    const at = key & (this.#entries.length - 1);
    const there = this.#entries[at];
    this.#entries[at] = [key, value];
    if (there?.[0] === key) return;
    this.#size++;
    if (there === undefined) return;
    this.#longStaying.set(...there);
    if (this.#longStaying.size * 4 > this.#entries.length && this.#entries.length < CAPACITY_MAX)
      this.#grow();
  }

  get(key: number): V | undefined {
    const there = this.#entries[key & (this.#entries.length - 1)];
    return there?.[0] === key ? there[1] : this.#longStaying.get(key);
  }

  /** Whether it was there. */
  delete(key: number): boolean {
    const at = key & (this.#entries.length - 1);
    if (this.#entries[at]?.[0] === key) this.#entries[at] = undefined;
    else if (!this.#longStaying.delete(key)) return false;
    this.#size--;
    return true;
  }

  /** By key, ascending; a copy. */
  values(): V[] {
    return this.#ascending().map(([, value]) => value);
  }

  #ascending(): (readonly [key: number, value: V])[] {
    const all = [...this.#longStaying, ...this.#entries.filter((entry) => entry !== undefined)];
    return all.sort(([a], [b]) => a - b);
  }

  #grow(): void {
    const entries = this.#ascending();
    this.#entries = Array.from({ length: this.#entries.length * 2 });
    this.#longStaying.clear();
    this.#size = 0;
    for (const [key, value] of entries) {
      const at = key & (this.#entries.length - 1);
      const there = this.#entries[at];
      if (there !== undefined) this.#longStaying.set(...there);
      this.#entries[at] = [key, value];
      this.#size++;
    }
  }
}
