import { GatewayError } from "../errors/gateway-error.ts";
import { parseExact, stringifyExact } from "./json-exact.ts";
import type { JsonObject, JsonValue } from "./json-value.ts";

/** Bounds of one JSON message. */
export interface JsonLimits {
  /** Nesting of arrays and objects. */
  readonly depthMax: number;
  /** Members and elements in the whole message. */
  readonly itemsMax: number;
}
export const DEFAULT_JSON_LIMITS: JsonLimits = { depthMax: 64, itemsMax: 1_000_000 };

export interface ParsedMessage {
  readonly value: JsonObject;
  /** Holds a number or a key order that `JSON.parse` would change; such a message takes the source-text path. */
  readonly exact: boolean;
}

/**
 * Parses and guards one JSON-RPC message: an object within the limits, without `__proto__` members, and without
 * duplicate or case-folded spellings of protocol keys (`jsonrpc`, `id`, `method`, `params`, `result`, `error` and, inside
 * `params`, `name`, `uri`, `arguments`, `_meta` …), which parsers disagree about. Only the parsed value travels on.
 * @throws GatewayError `parse_error`, `invalid_request`
 */
export function parseMessage(text: string, limits: JsonLimits = DEFAULT_JSON_LIMITS): ParsedMessage {
  const parsed = parseGuarded(text, limits);
  if (parsed.value === null || typeof parsed.value !== "object" || Array.isArray(parsed.value)) {
    throw new GatewayError("invalid_request", { detail: "the message must be a JSON object" });
  }
  return parsed as ParsedMessage;
}

/** As `parseMessage`, for any JSON value (a 2025-03-26 batch is an array). */
export function parseGuarded(
  text: string,
  limits: JsonLimits = DEFAULT_JSON_LIMITS,
): { value: JsonValue; exact: boolean } {
  const exact = scan(text, limits);
  let value: JsonValue;
  try {
    value = exact ? parseExact(text) : (JSON.parse(text) as JsonValue);
  } catch (cause) {
    throw new GatewayError("parse_error", { detail: "malformed JSON" }, { cause });
  }
  return { value, exact };
}

/** Serialises a value; `exact` where any part of it came over the source-text path. */
export function stringify(value: JsonValue, exact: boolean): string {
  return exact ? stringifyExact(value) : JSON.stringify(value);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the characters JSON may not carry as they are
const needsEscape = /["\\\u0000-\u001f\u007f-\uffff]/;

/** As `JSON.stringify`, but 20 ns where nothing needs an escape. */
export function quote(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

const PARAMS_KEYS = guardedKeys([
  "name",
  "uri",
  "arguments",
  "_meta",
  "cursor",
  "ref",
  "argument",
  "requestState",
  "inputResponses",
  "protocolVersion",
  "capabilities",
  "taskId",
]);
/** The guarded names of one level, found without cutting the key out of the text. */
interface GuardedKeys {
  readonly byLength: readonly (readonly { readonly name: string; readonly bit: number }[])[];
  readonly byFold: ReadonlyMap<string, string>;
}
const TOP_KEYS = guardedKeys(["params", "jsonrpc", "id", "method", "result", "error"]);
const PARAMS_BIT = 1;

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;

/** At d: the container at depth d is an object. Shared by all scans, which never overlap. */
let isObject = new Uint8Array(256);

/**
 * One pass over the text that never builds a value. Well-formedness is `JSON.parse`'s business; this looks only for
 * what `JSON.parse` would accept silently. Strings are skipped by `indexOf`, so large payloads cost little.
 */
function scan(text: string, limits: JsonLimits): boolean {
  const length = text.length;
  let exact = false;
  let depth = 0;
  let items = 0;
  if (limits.depthMax + 2 > isObject.length) isObject = new Uint8Array(limits.depthMax + 2);
  let expectKey = false;
  // Depth of a message's own members: 1, or 2 for the messages of a batch.
  let top = 1;
  // Protocol keys seen at that level and inside params.
  let topSeen = 0;
  let paramsSeen = 0;
  let inParams = false;
  let lastTopBit = 0;

  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 32) continue;
    switch (code) {
      case QUOTE: {
        const from = at + 1;
        if (!expectKey) {
          at = stringEnd(text, from);
          if (at < 0) refuseEndless();
          break;
        }
        expectKey = false;
        let end = plainEnd(text, from);
        const plain = end >= 0;
        let key = "";
        if (!plain) {
          end = stringEnd(text, from);
          if (end < 0) refuseEndless();
          key = unescapeKey(text, at, end);
        }
        if (plain ? isIndexKey(text, from, end) : isIndexKey(key, 0, key.length)) exact = true;
        if (plain ? end - from === 9 && standsAt(text, from, "__proto__") : key === "__proto__") {
          throw new GatewayError("invalid_request", { detail: 'the member name "__proto__" is refused' });
        }
        if (depth === top) {
          lastTopBit = plain ? keyBit(text, from, end, TOP_KEYS) : keyBit(key, 0, key.length, TOP_KEYS);
          if ((topSeen & lastTopBit) !== 0) refuseDuplicate(text.slice(from, end));
          topSeen |= lastTopBit;
        } else if (inParams && depth === top + 1) {
          const bit = plain ? keyBit(text, from, end, PARAMS_KEYS) : keyBit(key, 0, key.length, PARAMS_KEYS);
          if ((paramsSeen & bit) !== 0) refuseDuplicate(text.slice(from, end));
          paramsSeen |= bit;
        }
        at = end;
        break;
      }
      case OPEN_BRACE:
      case OPEN_BRACKET: {
        if (++depth > limits.depthMax) {
          throw new GatewayError("invalid_request", { detail: `nested deeper than ${limits.depthMax}` });
        }
        const object = code === OPEN_BRACE;
        isObject[depth] = object ? 1 : 0;
        expectKey = object;
        items++;
        if (depth === 1 && !object) top = 2;
        if (depth === top) {
          topSeen = 0;
          paramsSeen = 0;
        } else if (depth === top + 1) {
          inParams = object && isObject[top] === 1 && lastTopBit === PARAMS_BIT;
        }
        break;
      }
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth--;
        expectKey = false;
        break;
      case COMMA:
        if (++items > limits.itemsMax) {
          throw new GatewayError("invalid_request", { detail: `more than ${limits.itemsMax} values` });
        }
        expectKey = isObject[depth] === 1;
        break;
      case COLON:
        break;
      default: {
        // A number or a literal: runs to the next structural character.
        let end = at + 1;
        while (end < length) {
          const next = text.charCodeAt(end);
          if (next === COMMA || next === CLOSE_BRACE || next === CLOSE_BRACKET || next <= 32) break;
          end++;
        }
        if (!exact && (code === 45 || (code >= 48 && code <= 57)) && !roundTrips(text, at, end)) exact = true;
        at = end - 1;
      }
    }
  }
  return exact;
}

/** Index of the quote that closes the string whose text begins at `from`, or -1. */
function stringEnd(text: string, from: number): number {
  let end = text.indexOf('"', from);
  while (end > 0) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if ((slashes & 1) === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return -1;
}

/** As `stringEnd`, but -1 where the string is not ASCII without escapes: what stands in the text else is the name itself. */
function plainEnd(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i;
    if (code === BACKSLASH || code > 126) return -1;
  }
  return -1;
}

function isPlainKey(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH || code > 126) return false;
  }
  return true;
}

function unescapeKey(text: string, at: number, end: number): string {
  try {
    return JSON.parse(text.slice(at, end + 1)) as string;
  } catch (cause) {
    throw new GatewayError("parse_error", { detail: "a member name holds a bad escape" }, { cause });
  }
}

/** Keys that JavaScript objects would move to the front: canonical array indices. */
function isIndexKey(text: string, from: number, to: number): boolean {
  const size = to - from;
  if (size === 0 || size > 10 || text.charCodeAt(from) > 57) return false;
  if (text.charCodeAt(from) === 48) return size === 1;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

/** As the laxest parsers compare names: `ſ` is an S to them and the Kelvin sign a K. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function guardedKeys(names: readonly string[]): GuardedKeys {
  const byLength: { name: string; bit: number }[][] = [];
  names.forEach((name, i) => {
    byLength[name.length] ??= [];
    byLength[name.length]?.push({ name, bit: 1 << i });
  });
  return { byLength, byFold: new Map(names.map((name) => [fold(name), name])) };
}

/** The bit of a guarded name, 0 for any other; a guarded name in another spelling is refused. */
function keyBit(text: string, from: number, to: number, keys: GuardedKeys): number {
  const candidates = keys.byLength[to - from];
  if (candidates !== undefined) {
    for (let i = 0; i < candidates.length; i++) {
      const { name, bit } = candidates[i] as { name: string; bit: number };
      if (standsAt(text, from, name)) return bit;
    }
  } else if (isPlainKey(text, from, to)) return 0;
  const name = text.slice(from, to);
  const folded = keys.byFold.get(fold(name));
  if (folded === undefined) return 0;
  throw new GatewayError("invalid_request", { detail: `member "${name}" must be spelt "${folded}"` });
}

/** `startsWith` for short names, without the call into the runtime. */
function standsAt(text: string, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if (text.charCodeAt(from + i) !== name.charCodeAt(i)) return false;
  return true;
}

function refuseEndless(): never {
  throw new GatewayError("parse_error", { detail: "a string does not end" });
}

function refuseDuplicate(name: string): never {
  throw new GatewayError("invalid_request", { detail: `duplicate member "${name}"` });
}

/** Up to 15 digits without fraction or exponent always survive; everything else is compared with its own spelling. */
function roundTrips(text: string, from: number, to: number): boolean {
  const size = to - from;
  if (size <= 15) {
    let plain = true;
    for (let i = from; i < to; i++) {
      const code = text.charCodeAt(i);
      if (code < 48 || code > 57) {
        plain = false;
        break;
      }
    }
    if (plain) return true;
  }
  const source = text.slice(from, to);
  return String(Number(source)) === source;
}
