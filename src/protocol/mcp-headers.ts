import { isObject, type JsonObject, type JsonValue } from "./json-value.ts";

/**
 * The mirrored headers of revision 2026-07-28 (basic/transports/streamable-http, "Custom headers from tool parameters";
 * server/tools, "x-mcp-header"): `Mcp-Name` and `Mcp-Param-{Name}` repeat parts of the body, with values that a header
 * cannot carry wrapped as `=?base64?<base64 of the UTF-8>?=`.
 */
const SENTINEL_START = "=?base64?";
const SENTINEL_END = "?=";
const ANNOTATION = "x-mcp-header";
const PARAM_PREFIX = "Mcp-Param-";
/** Deeper schemas are refused rather than walked. */
const SCHEMA_DEPTH_MAX = 64;

/** Visible ASCII with inner spaces; the empty value is plain too. */
const PLAIN = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DECIMAL = /^-?\d+(?:\.\d+)?$/;

/** A value as the header carries it; never holds a line break, so it cannot forge a header. */
export function encodeHeaderValue(value: string): string {
  if (PLAIN.test(value) && !(value.startsWith(SENTINEL_START) && value.endsWith(SENTINEL_END))) return value;
  return SENTINEL_START + Buffer.from(value, "utf8").toString("base64") + SENTINEL_END;
}

/** The value a header stands for; `undefined` where the wrapping is there but not canonical base64 of valid UTF-8. */
export function decodeHeaderValue(raw: string): string | undefined {
  if (!(raw.startsWith(SENTINEL_START) && raw.endsWith(SENTINEL_END))) return raw;
  const payload = raw.slice(SENTINEL_START.length, -SENTINEL_END.length);
  if (raw.length < SENTINEL_START.length + SENTINEL_END.length || !BASE64.test(payload)) return undefined;
  const bytes = Buffer.from(payload, "base64");
  if (bytes.toString("base64") !== payload) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** One argument that its tool wants mirrored. */
export interface ParamHeader {
  /** Full header name, `Mcp-Param-Region`. */
  readonly name: string;
  /** Where in the arguments the value is. */
  readonly path: readonly string[];
  readonly type: "string" | "integer" | "boolean";
}

export type HeaderAnnotations =
  | { readonly valid: true; readonly headers: readonly ParamHeader[] }
  | { readonly valid: false; readonly reason: string };

/** Keywords under which an annotation is out of reach of a chain of `properties`, by the shape of their value. */
const SCHEMA_KEYWORDS = [
  "additionalProperties",
  "unevaluatedProperties",
  "unevaluatedItems",
  "propertyNames",
  "contains",
  "items",
  "prefixItems",
  "oneOf",
  "anyOf",
  "allOf",
  "not",
  "if",
  "then",
  "else",
];
const SCHEMA_MAP_KEYWORDS = ["patternProperties", "dependentSchemas", "$defs", "definitions"];

/**
 * Collects a tool's `x-mcp-header` annotations. An annotation must be a header token, unique without regard to case, on
 * a string, integer or boolean that is reached through `properties` alone; a tool that breaks this must not be offered.
 */
export function validateHeaderAnnotations(inputSchema: JsonObject): HeaderAnnotations {
  const headers: ParamHeader[] = [];
  const reason = collect(inputSchema, [], true, headers, new Set());
  return reason === undefined ? { valid: true, headers } : { valid: false, reason };
}

function collect(
  schema: JsonValue | undefined,
  path: readonly string[],
  reachable: boolean,
  headers: ParamHeader[],
  names: Set<string>,
): string | undefined {
  if (schema === null || typeof schema !== "object") return undefined;
  if (path.length > SCHEMA_DEPTH_MAX) return `the schema is nested deeper than ${SCHEMA_DEPTH_MAX}`;
  if (Array.isArray(schema)) {
    return first(schema, (member) => collect(member, [...path, "[]"], false, headers, names));
  }
  if (Object.hasOwn(schema, ANNOTATION)) {
    const found = annotation(schema, path, reachable, names);
    if (typeof found === "string") return found;
    headers.push(found);
  }
  const { properties } = schema;
  if (isObject(properties)) {
    const reason = first(Object.entries(properties), ([key, member]) =>
      collect(member, [...path, key], reachable, headers, names),
    );
    if (reason !== undefined) return reason;
  }
  return (
    first(SCHEMA_KEYWORDS, (key) => collect(schema[key], [...path, key], false, headers, names)) ??
    first(SCHEMA_MAP_KEYWORDS, (key) => {
      const map = schema[key];
      if (!isObject(map)) return undefined;
      return first(Object.values(map), (member) => collect(member, [...path, key], false, headers, names));
    })
  );
}

function annotation(
  schema: JsonObject,
  path: readonly string[],
  reachable: boolean,
  names: Set<string>,
): ParamHeader | string {
  const where = path.length === 0 ? "the schema itself" : path.join(".");
  const name = schema[ANNOTATION];
  if (!reachable || path.length === 0)
    return `${ANNOTATION} at ${where} is not reached through properties alone`;
  if (typeof name !== "string" || !TOKEN.test(name)) return `${ANNOTATION} at ${where} is not a header token`;
  const { type } = schema;
  if (type !== "string" && type !== "integer" && type !== "boolean") {
    return `${ANNOTATION} at ${where} is not on a string, integer or boolean`;
  }
  const folded = name.toLowerCase();
  if (names.has(folded)) return `${ANNOTATION} "${name}" is used twice`;
  names.add(folded);
  return { name: PARAM_PREFIX + name, path, type };
}

const NONE: readonly ParamHeader[] = [];
const compiled = new WeakMap<JsonObject, readonly ParamHeader[]>();

/** The mirrored arguments of a tool; none where its annotations are invalid. Remembered per schema object. */
export function annotatedParams(inputSchema: JsonObject): readonly ParamHeader[] {
  let headers = compiled.get(inputSchema);
  if (headers === undefined) {
    const annotations = validateHeaderAnnotations(inputSchema);
    headers = annotations.valid && annotations.headers.length > 0 ? annotations.headers : NONE;
    compiled.set(inputSchema, headers);
  }
  return headers;
}

/** Name and encoded value of each header that mirrors these arguments. Absent and null arguments have none. */
export function paramHeaders(
  inputSchema: JsonObject,
  args: JsonValue | undefined,
): readonly (readonly [name: string, value: string])[] {
  const lines: [string, string][] = [];
  for (const param of annotatedParams(inputSchema)) {
    const text = primitiveText(valueAt(args, param.path));
    if (text !== undefined) lines.push([param.name, encodeHeaderValue(text)]);
  }
  return lines;
}

/**
 * Compares the headers that came with the arguments in the body. Integers are compared as numbers. Headers for absent
 * arguments are not looked at.
 * @returns what disagrees, or `undefined`
 */
export function paramHeaderMismatch(
  inputSchema: JsonObject,
  args: JsonValue | undefined,
  headers: { get(name: string): string | null },
): string | undefined {
  for (const { name, path, type } of annotatedParams(inputSchema)) {
    const value = valueAt(args, path);
    const text = primitiveText(value);
    if (text === undefined) continue;
    const raw = headers.get(name.toLowerCase());
    if (raw === null) return `${name} is missing`;
    const decoded = decodeHeaderValue(raw.replace(/^[ \t]+|[ \t]+$/g, ""));
    if (decoded === undefined) return `${name} is not validly encoded`;
    if (decoded === text) continue;
    if (type === "integer" && DECIMAL.test(decoded) && Number(decoded) === Number(text)) continue;
    return `${name} differs from the argument`;
  }
  return undefined;
}

/** `undefined` for what has no header form: absent, null, structures, integers past 2^53 - 1. */
function primitiveText(value: JsonValue | undefined): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "true" : "false";
  // Numbers off the source-text path are objects whose valueOf is the nearest double.
  const number: unknown = value !== null && typeof value === "object" ? value.valueOf() : value;
  if (typeof number !== "number" || !Number.isFinite(number)) return undefined;
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? undefined : String(number);
}

function valueAt(root: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  let node = root;
  for (const key of path) {
    if (!isObject(node) || !Object.hasOwn(node, key)) return undefined;
    node = node[key];
  }
  return node;
}

function first<Item>(items: readonly Item[], find: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
