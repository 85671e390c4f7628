import { addValue, fieldValue, isNamed } from "./header-syntax.ts";

/** Names that are kept with their values; a tool may mirror any number of arguments into headers. */
const KNOWN_MAX = 32;

/** The header lines of one head, checked; a single one is looked up when it is asked for. */
export class HeaderLines {
  readonly #text: string;
  readonly #places: readonly number[];
  /** What was asked for, where the same lines came again. */
  #known: Map<string, string | null> | undefined;

  /** @param places of every line in `text`: where its name begins, its colon, where its value ends */
  constructor(text: string, places: readonly number[]) {
    this.#text = text;
    this.#places = places;
  }

  /** The same lines came again: what is asked of them is worth being kept. */
  remember(): void {
    this.#known ??= new Map();
  }

  /** The values of all lines of that name, joined by ", "; `null` without one. @param name in lower case */
  get(name: string): string | null {
    const known = this.#known;
    if (known === undefined) return this.#find(name);
    let value = known.get(name);
    if (value === undefined) {
      value = this.#find(name);
      if (known.size < KNOWN_MAX) known.set(name, value);
    }
    return value;
  }

  /** By name in lower case, each once, as `Headers` has them. */
  all(): Map<string, string> {
    const found = new Map<string, string>();
    for (let at = 0; at < this.#places.length; at += 3) {
      const name = this.#text.slice(this.#places[at], this.#places[at + 1]).toLowerCase();
      found.set(name, addValue(found.get(name), this.#valueAt(at)));
    }
    return found;
  }

  #find(name: string): string | null {
    const places = this.#places;
    let value: string | undefined;
    for (let at = 0; at < places.length; at += 3) {
      const start = places[at] as number;
      const colon = places[at + 1] as number;
      if (colon - start === name.length && isNamed(this.#text, start, colon, name))
        value = addValue(value, this.#valueAt(at));
    }
    return value ?? null;
  }

  #valueAt(at: number): string {
    return fieldValue(this.#text, (this.#places[at + 1] as number) + 1, this.#places[at + 2] as number);
  }
}
