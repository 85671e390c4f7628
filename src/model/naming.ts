import { createHash } from "node:crypto";

/** Server names and tenant slugs; so short and plain that the first `:` or `__` always splits. */
export const SLUG_PATTERN = /^[a-z0-9-]{1,32}$/;
/** Most clients accept no longer names, and no other characters. */
export const WIRE_NAME_LENGTH_MAX = 64;

/** Canonical identity of a tool or prompt in policies, records and metrics. */
export function identity(server: string, ownName: string): string {
  return `${server}:${ownName}`;
}

/**
 * The name on a merged endpoint: `server__tool`, other characters than `[A-Za-z0-9_-]` replaced by `_`, cut at 64 with a
 * suffix of its identity's hash. Tools that come out equal are told apart by the catalog, with `suffixed`.
 */
export function wireName(server: string, ownName: string, separator: string): string {
  const plain = `${server}${separator}${ownName.replace(/[^A-Za-z0-9_-]/g, "_")}`;
  return plain.length > WIRE_NAME_LENGTH_MAX ? suffixed(plain, server, ownName) : plain;
}

/**
 * The name for a tool whose plain wire name is taken by another of the same namespace.
 * @param digits of the hash; more where eight are not enough, at most 56
 */
export function suffixed(plain: string, server: string, ownName: string, digits = 8): string {
  const hash = createHash("sha256").update(identity(server, ownName)).digest("hex").slice(0, digits);
  return `${plain.slice(0, WIRE_NAME_LENGTH_MAX - hash.length - 1)}_${hash}`;
}
