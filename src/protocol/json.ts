import { GatewayError } from "../errors/gateway-error.ts";
import type { JsonObject, JsonValue } from "./json-value.ts";
import { parseExact, stringifyExact } from "./json-exact.ts";

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

const PROTOCOL_KEYS = new Set(["jsonrpc", "id", "method", "params", "result", "error"]);
const PARAMS_KEYS = new Set([
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
const FOLDED = new Map<string, string>([...PROTOCOL_KEYS, ...PARAMS_KEYS].map((key) => [fold(key), key]));
const KEY_LENGTH_MAX = Math.max(...[...FOLDED.keys()].map((key) => key.length));

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;

/**
 * One pass over the text that never builds a value. Well-formedness is `JSON.parse`'s business; this looks only for
 * what `JSON.parse` would accept silently. Strings are skipped by `indexOf`, so large payloads cost little.
 */
function scan(text: string, limits: JsonLimits): boolean {
  const length = text.length;
  let exact = false;
  let depth = 0;
  let items = 0;
  // At d: the container at depth d is an object.
  const isObject: boolean[] = [];
  let expectKey = false;
  // Depth of a message's own members: 1, or 2 for the messages of a batch.
  let top = 1;
  // Protocol keys seen at that level and inside params.
  let topKeys: Set<string> | undefined;
  let paramsKeys: Set<string> | undefined;
  let inParams = false;
  let lastTopKey = "";

  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 32) continue;
    switch (code) {
      case QUOTE: {
        const end = stringEnd(text, at);
        if (end < 0) throw new GatewayError("parse_error", { detail: "a string does not end" });
        if (expectKey) {
          expectKey = false;
          const first = text.charCodeAt(at + 1);
          const escaped = first === BACKSLASH || hasEscape(text, at + 1, end);
          const key = escaped ? unescapeKey(text, at, end) : undefined;
          const keyLength = key === undefined ? end - at - 1 : key.length;
          if (first >= 48 && first <= 57 && key === undefined) {
            if (isIndexKey(text, at + 1, end)) exact = true;
          } else if (key !== undefined && isIndexKey(key, 0, key.length)) exact = true;
          if (first === 95 || key !== undefined) {
            if ((key ?? text.slice(at + 1, end)) === "__proto__") {
              throw new GatewayError("invalid_request", { detail: 'the member name "__proto__" is refused' });
            }
          }
          if (depth === top || (depth === top + 1 && inParams)) {
            const name = keyLength <= KEY_LENGTH_MAX ? (key ?? text.slice(at + 1, end)) : "";
            if (depth === top) {
              topKeys ??= new Set();
              checkProtocolKey(name, PROTOCOL_KEYS, topKeys);
              lastTopKey = name;
            } else {
              paramsKeys ??= new Set();
              checkProtocolKey(name, PARAMS_KEYS, paramsKeys);
            }
          }
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
        isObject[depth] = object;
        expectKey = object;
        items++;
        if (depth === 1 && !object) top = 2;
        if (depth === top) {
          topKeys = undefined;
          paramsKeys = undefined;
        } else if (depth === top + 1) {
          inParams = object && isObject[top] === true && lastTopKey === "params";
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
        expectKey = isObject[depth] === true;
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

/** Index of the closing quote of the string that opens at `at`, or -1. */
function stringEnd(text: string, at: number): number {
  let end = text.indexOf('"', at + 1);
  while (end > 0) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if ((slashes & 1) === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return -1;
}

function hasEscape(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (text.charCodeAt(i) === BACKSLASH) return true;
  return false;
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
  if (size === 0 || size > 10) return false;
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

function checkProtocolKey(name: string, keys: ReadonlySet<string>, seen: Set<string>): void {
  if (keys.has(name)) {
    if (seen.has(name)) throw new GatewayError("invalid_request", { detail: `duplicate member "${name}"` });
    seen.add(name);
    return;
  }
  const folded = FOLDED.get(fold(name));
  if (folded !== undefined && folded !== name && keys.has(folded)) {
    throw new GatewayError("invalid_request", { detail: `member "${name}" must be spelt "${folded}"` });
  }
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
