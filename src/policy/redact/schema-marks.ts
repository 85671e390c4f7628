import { isObject, type JsonObject, type JsonValue } from "../../protocol/json-value.ts";

/** A schema that applies to a value, and the document its references lead into. */
export interface SchemaPlace {
  readonly schema: JsonObject;
  readonly root: JsonObject;
}

/** `format: password`, `writeOnly: true`, and extensions such as `x-secret: true` or `x-mcp-sensitive: true`. */
const MARK = /"writeOnly":true|"format":"password"|"x-[^"]{0,64}(?:secret|sensitive)[^"]{0,64}":true/i;
const EXTENSION = /^x-.*(?:secret|sensitive)/i;
/** Schemas that apply to one value, whatever its references lead to. */
const PLACES_MAX = 64;

const marked = new WeakMap<JsonObject, boolean>();

/** Most schemas mark nothing: their values are then walked without them. */
export function hasMarks(schema: JsonObject): boolean {
  let has = marked.get(schema);
  if (has === undefined) {
    has = MARK.test(JSON.stringify(schema));
    marked.set(schema, has);
  }
  return has;
}

export function isMarked(places: readonly SchemaPlace[]): boolean {
  return places.some(({ schema }) => {
    if (schema.writeOnly === true || schema.format === "password") return true;
    return Object.keys(schema).some((key) => schema[key] === true && EXTENSION.test(key));
  });
}

/** The schemas of a member or an element; references and alternatives followed, whichever of them applies. */
export function childSchemas(places: readonly SchemaPlace[], name: string | number): readonly SchemaPlace[] {
  if (places.length === 0) return places;
  const next: SchemaPlace[] = [];
  for (const { schema, root } of places) {
    for (const child of typeof name === "string"
      ? memberSchemas(schema, name)
      : elementSchemas(schema, name)) {
      if (isObject(child)) next.push({ schema: child, root });
    }
  }
  return expanded(next);
}

function memberSchemas(schema: JsonObject, name: string): (JsonValue | undefined)[] {
  const own = isObject(schema.properties) ? ownMember(schema.properties, name) : undefined;
  const byPattern = Object.entries(isObject(schema.patternProperties) ? schema.patternProperties : {})
    .filter(([pattern]) => matches(pattern, name))
    .map(([, child]) => child);
  const others = own === undefined && byPattern.length === 0 ? schema.additionalProperties : undefined;
  return [own, ...byPattern, others];
}

function elementSchemas(schema: JsonObject, index: number): (JsonValue | undefined)[] {
  const { prefixItems, items } = schema;
  // `items` was a list of its own before 2020-12.
  if (Array.isArray(items)) return [items[index] ?? schema.additionalItems, schema.contains];
  const first = Array.isArray(prefixItems) ? prefixItems[index] : undefined;
  return [first ?? items, schema.contains];
}

/** These, and all that they refer to or offer as alternatives. */
export function expanded(places: readonly SchemaPlace[]): readonly SchemaPlace[] {
  const seen = new Set<JsonObject>();
  const all: SchemaPlace[] = [];
  const pending = [...places];
  for (let place = pending.pop(); place !== undefined && all.length < PLACES_MAX; place = pending.pop()) {
    const { schema, root } = place;
    if (seen.has(schema)) continue;
    seen.add(schema);
    all.push(place);
    const { allOf, anyOf, oneOf, if: condition, then, else: otherwise } = schema;
    const inner = [
      condition,
      then,
      otherwise,
      resolved(schema.$ref, root),
      resolved(schema.$dynamicRef, root),
    ];
    for (const list of [allOf, anyOf, oneOf]) if (Array.isArray(list)) inner.push(...list);
    if (isObject(schema.dependentSchemas)) inner.push(...Object.values(schema.dependentSchemas));
    for (const child of inner) if (isObject(child)) pending.push({ schema: child, root });
  }
  return all;
}

/** A reference within the document; others lead nowhere. */
function resolved(reference: JsonValue | undefined, root: JsonObject): JsonValue | undefined {
  if (typeof reference !== "string" || !reference.startsWith("#")) return undefined;
  if (reference === "#") return root;
  if (!reference.startsWith("#/")) return undefined;
  let at: JsonValue | undefined = root;
  for (const part of reference.slice(2).split("/")) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    at = Array.isArray(at) ? at[Number(name)] : isObject(at) ? ownMember(at, name) : undefined;
  }
  return at;
}

function ownMember(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
function matches(pattern: string, name: string): boolean {
  // A pattern that may be slow, or a long name, counts as matching: more is taken out then, and nobody waits.
  const repeats = pattern.match(/[+*{]/g)?.length ?? 0;
  if (name.length > 256 || pattern.length > 256 || repeats > 1 || (repeats > 0 && pattern.includes("(")))
    return true;
  try {
    return new RegExp(pattern, "u").test(name);
  } catch {
    return true;
  }
}
