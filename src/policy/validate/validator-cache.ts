import type { JsonObject } from "../../protocol/json-value.ts";

/**
 * What was made of definitions, bounded: two halves, of which the older is dropped when the younger is full. What belongs
 * to a definition that went away goes with it.
 */
export class ValidatorCache<V extends object> {
  readonly #halfMax: number;
  #young = new WeakMap<JsonObject, V>();
  #old = new WeakMap<JsonObject, V>();
  #youngCount = 0;

  /** @param entriesMax two or more; half of it is always kept. */
  constructor(entriesMax: number) {
    this.#halfMax = Math.max(1, Math.floor(entriesMax / 2));
  }

  get(definition: JsonObject): V | undefined {
    const young = this.#young.get(definition);
    if (young !== undefined) return young;
    const old = this.#old.get(definition);
    if (old !== undefined) this.set(definition, old);
    return old;
  }

  set(definition: JsonObject, value: V): void {
    if (this.#youngCount >= this.#halfMax) {
      this.#old = this.#young;
      this.#young = new WeakMap();
      this.#youngCount = 0;
    }
    this.#young.set(definition, value);
    this.#youngCount++;
  }
}
