/** Where a store is; settings of the configuration fit as they are. Times are milliseconds. */
export type StoreLocation =
  | { readonly kind: "sqlite"; readonly path: string }
  | {
      readonly kind: "postgres";
      readonly url: string;
      readonly poolMax: number;
      readonly connectTimeoutMs: number;
      readonly idleTimeoutMs: number;
      readonly statementTimeoutMs: number;
    };

const MIGRATION_MS_MAX = 30 * 60_000;

/** `sqlite:<path>`, `postgres://…` or `postgresql://…`, for acts of the operator that may take long. */
export function locationOf(url: string): StoreLocation {
  if (url.startsWith("sqlite:")) return { kind: "sqlite", path: url.slice("sqlite:".length) };
  return {
    kind: "postgres",
    url,
    poolMax: 2,
    connectTimeoutMs: 10_000,
    idleTimeoutMs: 0,
    statementTimeoutMs: MIGRATION_MS_MAX,
  };
}
