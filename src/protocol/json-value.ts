/** Parsed JSON as the relay carries it. Values are never re-typed: unknown members travel untouched. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}
