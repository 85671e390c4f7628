import type { JsonObject, JsonValue } from "./json-value.ts";

/**
 * The source-text path: for the rare message that `JSON.parse` and `JSON.stringify` would change. Numbers that do not
 * round-trip become `ExactNumber`s, which print their source; objects with index-like keys remember their key order.
 */
export class ExactNumber {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
  /** The nearest double, for whoever must compute with it (argument validation). */
  valueOf(): number {
    return Number(this.source);
  }
}

const KEY_ORDER = Symbol("key order");
type Ordered = JsonObject & { [KEY_ORDER]?: readonly string[] };

/** @throws SyntaxError as `JSON.parse` does; recursion is bounded by the guard's depth limit. */
export function parseExact(text: string): JsonValue {
  JSON.parse(text);
  return new ExactParser(text).value();
}

/** `JSON.stringify` that honours exact numbers and remembered key orders. */
export function stringifyExact(value: JsonValue | undefined): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  if (value instanceof ExactNumber) return value.source;
  if (Array.isArray(value)) return `[${value.map(stringifyExact).join(",")}]`;
  const order = (value as Ordered)[KEY_ORDER];
  const keys = order === undefined ? Object.keys(value) : inOrder(value, order);
  const members: string[] = [];
  for (const key of keys) {
    const member = value[key];
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${stringifyExact(member)}`);
  }
  return `{${members.join(",")}}`;
}

/** Remembered keys that are still there, then those added since; `inOrder` is linear, an attacker chooses the size. */
function inOrder(value: JsonObject, order: readonly string[]): string[] {
  const known = new Set(order);
  return [
    ...order.filter((key) => Object.hasOwn(value, key)),
    ...Object.keys(value).filter((key) => !known.has(key)),
  ];
}

/** The value with every exact number replaced by its nearest double: what schemas and policies look at. */
export function approximate(value: JsonValue): JsonValue {
  if (value === null || typeof value !== "object") return value;
  if (value instanceof ExactNumber) return value.valueOf();
  if (Array.isArray(value)) return value.map(approximate);
  const copy: JsonObject = {};
  for (const [key, member] of Object.entries(value))
    if (member !== undefined) copy[key] = approximate(member);
  return copy;
}

/** Walks text that `JSON.parse` has already accepted, so it checks nothing. */
class ExactParser {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }

  value(): JsonValue {
    this.#space();
    const char = this.#text[this.#at];
    if (char === "{") return this.#object();
    if (char === "[") return this.#array();
    if (char === '"') return this.#string();
    const start = this.#at;
    while (this.#at < this.#text.length && !/[\s,\]}]/.test(this.#text[this.#at] as string)) this.#at++;
    const source = this.#text.slice(start, this.#at);
    const plain = JSON.parse(source) as JsonValue;
    if (typeof plain !== "number" || String(plain) === source) return plain;
    return new ExactNumber(source) as unknown as JsonValue;
  }

  #space(): void {
    while (this.#text.charCodeAt(this.#at) <= 32) this.#at++;
  }

  #object(): JsonValue {
    const object: Ordered = {};
    const order: string[] = [];
    let indexed = false;
    this.#at++;
    for (this.#space(); this.#text[this.#at] !== "}"; this.#space()) {
      if (this.#text[this.#at] === ",") {
        this.#at++;
        this.#space();
      }
      const key = this.#string();
      this.#space();
      this.#at++;
      if (!Object.hasOwn(object, key)) order.push(key);
      if (/^(0|[1-9]\d{0,9})$/.test(key)) indexed = true;
      object[key] = this.value();
    }
    this.#at++;
    if (indexed) object[KEY_ORDER] = order;
    return object;
  }

  #array(): JsonValue {
    const array: JsonValue[] = [];
    this.#at++;
    for (this.#space(); this.#text[this.#at] !== "]"; this.#space()) {
      if (this.#text[this.#at] === ",") this.#at++;
      array.push(this.value());
    }
    this.#at++;
    return array;
  }

  #string(): string {
    const start = this.#at;
    do {
      this.#at = this.#text.indexOf('"', this.#at + 1);
    } while (escapedAt(this.#text, this.#at));
    this.#at++;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }
}

function escapedAt(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === 92) slashes++;
  return (slashes & 1) === 1;
}
