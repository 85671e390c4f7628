import { isObject, type JsonObject, type JsonValue } from "../../protocol/json-value.ts";
import { dialectOf } from "./dialect.ts";

/**
 * A schema of the keywords that most tools' schemas are made of, compared with values by code that all of them share: what
 * belongs to one tool is a few small objects, which stay in the processor's caches where a compiled validator each would not.
 * @returns undefined where it has a keyword beyond those, or one that is not as JSON Schema 2020-12 (and draft-07, which
 *   agrees on these) wants it
 */
export function plainSchema(schema: JsonObject): PlainSchema | undefined {
  if (dialectOf(schema) === undefined) return undefined;
  const { $schema: _dialect, $id: _id, ...rest } = schema;
  return nodeOf(rest, 0, { nodes: NODES_MAX });
}

/**
 * Whether a value certainly matches. `false` decides nothing: the full validator is to be asked, which also has the words for
 * what is wrong.
 */
export function isPlainMatch(node: PlainSchema, value: JsonValue): boolean {
  const type = typeOf(value);
  if ((node.types & type) === 0) return false;
  const { values, anyOf } = node;
  if (values !== undefined && !values.includes(value)) return false;
  if (anyOf !== undefined && !matchesAny(anyOf, value)) return false;
  switch (type) {
    case STRING:
      return node.text === undefined || isWithin((value as string).length, node.text, value as string);
    case OBJECT:
      return node.members === undefined || holds(node.members, value as JsonObject);
    case INTEGER:
    case FRACTION:
      return (
        node.number === undefined ||
        ((value as number) >= node.number.min && (value as number) <= node.number.max)
      );
    case ARRAY:
      return node.items === undefined || holdsItems(node.items, value as readonly JsonValue[]);
    default:
      return true;
  }
}

/** Deeper ones are rare, and every level is a call. */
const DEPTH_MAX = 16;
/** Of one schema: some 100 bytes each, kept as long as its tool. */
const NODES_MAX = 10_000;

/** What a schema may still take. */
interface Room {
  nodes: number;
}

/** Types as bits: `integer` is a number too. */
const TYPES: Readonly<Record<string, number>> = {
  string: 1,
  number: 2 | 4,
  integer: 4,
  object: 8,
  array: 16,
  boolean: 32,
  null: 64,
};
const STRING = 1;
const FRACTION = 2;
const INTEGER = 4;
const OBJECT = 8;
const ARRAY = 16;
const BOOLEAN = 32;
const NULL = 64;
const ANY_TYPE = 127;

export interface PlainSchema {
  types: number;
  /** Where one of these values is all that matches. */
  values: readonly JsonValue[] | undefined;
  /** Where one of them has to match too. */
  anyOf: readonly PlainSchema[] | undefined;
  text: Bounds | undefined;
  number: Bounds | undefined;
  members: Members | undefined;
  items: Items | undefined;
}

interface Bounds {
  min: number;
  max: number;
}

interface Members {
  readonly known: Map<string, PlainSchema>;
  required: readonly string[];
  /** What members without a schema of their own match; undefined where there may be none. */
  others: PlainSchema | undefined;
}

interface Items {
  readonly length: Bounds;
  each: PlainSchema;
}

const ANY: PlainSchema = {
  types: ANY_TYPE,
  values: undefined,
  anyOf: undefined,
  text: undefined,
  number: undefined,
  members: undefined,
  items: undefined,
};

/** They say something of a value, and ask nothing of it; formats are among them (2020-12, 7.2.1). */
const ANNOTATIONS = new Set([
  "$comment",
  "contentEncoding",
  "contentMediaType",
  "default",
  "deprecated",
  "description",
  "examples",
  "format",
  "readOnly",
  "title",
  "writeOnly",
]);
/** Annotations whose type the dialects fix; the others take any value. */
const ANNOTATION_TYPES: Readonly<Record<string, string>> = {
  $comment: "string",
  contentEncoding: "string",
  contentMediaType: "string",
  deprecated: "boolean",
  description: "string",
  format: "string",
  readOnly: "boolean",
  title: "string",
  writeOnly: "boolean",
};

function nodeOf(schema: JsonValue | undefined, depth: number, room: Room): PlainSchema | undefined {
  if (depth > DEPTH_MAX || --room.nodes < 0) return undefined;
  if (schema === true) return ANY;
  if (!isObject(schema)) return undefined;
  const node: PlainSchema = { ...ANY };
  for (const [keyword, value] of Object.entries(schema)) {
    const isUnderstood = ANNOTATIONS.has(keyword)
      ? isAnnotation(keyword, value)
      : addKeyword(node, keyword, value, depth, room);
    if (!isUnderstood) return undefined;
  }
  return node;
}

function isAnnotation(keyword: string, value: JsonValue | undefined): boolean {
  if (keyword === "examples") return Array.isArray(value);
  const type = ANNOTATION_TYPES[keyword];
  return type === undefined || typeof value === type;
}

/** @returns whether it is one of ours, as it should be. */
function addKeyword(
  node: PlainSchema,
  keyword: string,
  value: JsonValue | undefined,
  depth: number,
  room: Room,
): boolean {
  switch (keyword) {
    case "type":
      return addTypes(node, value);
    case "const":
      return addValues(node, [value]);
    case "enum":
      return Array.isArray(value) && addValues(node, value);
    case "anyOf":
      return addAlternatives(node, value, depth, room);
    case "minLength":
      return isCount(value) && narrow((node.text ??= unbounded()), value, Number.POSITIVE_INFINITY);
    case "maxLength":
      return isCount(value) && narrow((node.text ??= unbounded()), 0, value);
    case "minimum":
      return isNumber(value) && narrow((node.number ??= unbounded()), value, Number.POSITIVE_INFINITY);
    case "maximum":
      return isNumber(value) && narrow((node.number ??= unbounded()), Number.NEGATIVE_INFINITY, value);
    case "minItems":
      return isCount(value) && narrow(itemsOf(node).length, value, Number.POSITIVE_INFINITY);
    case "maxItems":
      return isCount(value) && narrow(itemsOf(node).length, 0, value);
    case "items": {
      const each = nodeOf(value, depth + 1, room);
      if (each !== undefined) itemsOf(node).each = each;
      return each !== undefined;
    }
    case "properties":
      return addMembers(node, value, depth, room);
    case "required":
      return isListOfNames(value) && requireMembers(node, value);
    case "additionalProperties": {
      const others = value === false ? undefined : nodeOf(value, depth + 1, room);
      membersOf(node).others = others;
      return value === false || others !== undefined;
    }
    default:
      return false;
  }
}

function addTypes(node: PlainSchema, value: JsonValue | undefined): boolean {
  const names = Array.isArray(value) ? value : [value];
  let types = 0;
  for (const name of names) {
    if (typeof name !== "string" || !Object.hasOwn(TYPES, name)) return false;
    types |= TYPES[name] as number;
  }
  node.types = types;
  return names.length > 0 && new Set(names).size === names.length;
}

/** Objects and arrays among them are for the full validator to compare. */
function addValues(node: PlainSchema, values: readonly (JsonValue | undefined)[]): boolean {
  const plain: readonly JsonValue[] = values.filter(
    (value) => value !== undefined && (value === null || typeof value !== "object"),
  );
  if (plain.length !== values.length || values.length === 0) return false;
  if (new Set(values).size !== values.length) return false;
  // Both `const` and `enum`: what is in both.
  node.values = node.values === undefined ? plain : node.values.filter((value) => plain.includes(value));
  return true;
}

function addAlternatives(
  node: PlainSchema,
  value: JsonValue | undefined,
  depth: number,
  room: Room,
): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  const alternatives: PlainSchema[] = [];
  for (const one of value) {
    const alternative = nodeOf(one, depth + 1, room);
    if (alternative === undefined) return false;
    alternatives.push(alternative);
  }
  node.anyOf = alternatives;
  return true;
}

function addMembers(node: PlainSchema, value: JsonValue | undefined, depth: number, room: Room): boolean {
  if (!isObject(value)) return false;
  const { known } = membersOf(node);
  for (const [name, schema] of Object.entries(value)) {
    // Every object has those, whatever was sent.
    if (name in Object.prototype) return false;
    const member = nodeOf(schema, depth + 1, room);
    if (member === undefined) return false;
    known.set(name, member);
  }
  return true;
}

function requireMembers(node: PlainSchema, names: readonly string[]): boolean {
  membersOf(node).required = names;
  return new Set(names).size === names.length;
}

function membersOf(node: PlainSchema): Members {
  node.members ??= { known: new Map(), required: [], others: ANY };
  return node.members;
}
function itemsOf(node: PlainSchema): Items {
  node.items ??= { length: unbounded(), each: ANY };
  return node.items;
}

const unbounded = (): Bounds => ({ min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY });

function narrow(bounds: Bounds, min: number, max: number): true {
  bounds.min = Math.max(bounds.min, min);
  bounds.max = Math.min(bounds.max, max);
  return true;
}

function isNumber(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
function isCount(value: JsonValue | undefined): value is number {
  return isNumber(value) && Number.isInteger(value) && value >= 0;
}
function isListOfNames(value: JsonValue | undefined): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}

/** No type, and so no match, for what is no JSON: numbers past a double's range. */
function typeOf(value: JsonValue): number {
  switch (typeof value) {
    case "string":
      return STRING;
    case "number":
      if (!Number.isFinite(value)) return 0;
      return Number.isInteger(value) ? INTEGER : FRACTION;
    case "boolean":
      return BOOLEAN;
    case "object":
      if (value === null) return NULL;
      return Array.isArray(value) ? ARRAY : OBJECT;
    default:
      return 0;
  }
}

function matchesAny(alternatives: readonly PlainSchema[], value: JsonValue): boolean {
  for (const one of alternatives) if (isPlainMatch(one, value)) return true;
  return false;
}

/** Lengths are of characters (2020-12 validation, 6.3), of which a string has at most one for each unit, and at least half as many. */
function isWithin(units: number, { min, max }: Bounds, text: string): boolean {
  if (units > max || units < min) return false;
  if (units >= 2 * min || min === 1) return true;
  let characters = 0;
  for (const _character of text) characters++;
  return characters >= min;
}

function holds({ known, required, others }: Members, value: JsonObject): boolean {
  for (const name of required) if (!Object.hasOwn(value, name)) return false;
  for (const name in value) {
    const node = known.get(name) ?? others;
    if (node === undefined || !isPlainMatch(node, value[name] as JsonValue)) return false;
  }
  return true;
}

function holdsItems({ length, each }: Items, value: readonly JsonValue[]): boolean {
  if (value.length < length.min || value.length > length.max) return false;
  if (each === ANY) return true;
  for (const item of value) if (!isPlainMatch(each, item)) return false;
  return true;
}
