import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";

/** The same array where nothing changes. */
export function mapped(
  values: JsonValue[],
  map: (value: JsonValue, index: number) => JsonValue,
): JsonValue[] {
  let changed: JsonValue[] | undefined;
  for (const [index, value] of values.entries()) {
    const next = map(value, index);
    if (next !== value) changed ??= [...values];
    if (changed !== undefined) changed[index] = next;
  }
  return changed ?? values;
}

/** The same object where nothing changes; its order of keys is kept. A name that is a secret itself gives way to the mask. */
export function withMembers(
  object: JsonObject,
  map: (key: string, value: JsonValue) => JsonValue,
  rename: (key: string) => string,
): JsonObject {
  const keys = Object.keys(object);
  let entries: [string, JsonValue | undefined][] | undefined;
  let isRenamed = false;
  for (const [index, key] of keys.entries()) {
    const value = object[key];
    if (value === undefined) continue;
    const next = map(key, value);
    const name = rename(key);
    isRenamed ||= name !== key;
    if (entries === undefined && next === value && name === key) continue;
    entries ??= keys.slice(0, index).map((before) => [before, object[before]]);
    entries.push([name, next]);
  }
  if (entries === undefined) return object;
  // Not by assignment: `__proto__` is a name like any other in JSON within a string.
  const copy = Object.fromEntries(isRenamed ? distinct(entries) : entries);
  // The remembered order of an exact object (`protocol/json-exact.ts`).
  for (const symbol of Object.getOwnPropertySymbols(object)) {
    Object.defineProperty(copy, symbol, { value: Reflect.get(object, symbol), enumerable: true });
  }
  return copy;
}

/** Names that give way alike are numbered by their place: many of them must not be counted through again and again. */
function distinct<T>(entries: readonly [string, T][]): [string, T][] {
  const taken = new Set<string>();
  return entries.map(([given, value], index) => {
    let name = given;
    while (taken.has(name)) name = `${name} ${index + 1}`;
    taken.add(name);
    return [name, value];
  });
}
