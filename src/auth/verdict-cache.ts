/**
 * A bounded map that forgets what was not asked for lately: two halves, of which the older is dropped when the younger is
 * full. A hit costs one look-up, or two and a move.
 */
export class VerdictCache<V> {
  readonly #halfMax: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  /** @param entriesMax two or more. */
  constructor(entriesMax: number) {
    this.#halfMax = Math.max(1, Math.floor(entriesMax / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(name: string): V | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) {
      this.#old.delete(name);
      this.set(name, old);
    }
    return old;
  }

  set(name: string, value: V): void {
    if (!this.#young.has(name) && this.#young.size >= this.#halfMax) {
      this.#old = this.#young;
      this.#young = new Map();
    } else this.#old.delete(name);
    this.#young.set(name, value);
  }

  delete(name: string): void {
    this.#young.delete(name);
    this.#old.delete(name);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  *entries(): Generator<[string, V]> {
    yield* this.#young;
    yield* this.#old;
  }
}
