/** How a value is compared with a column that may be null: SQL's `=` is never true of it. */
export function equals(value: unknown): "=" | "is" {
  return value === null ? "is" : "=";
}
