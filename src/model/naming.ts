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
 * The name on a merged endpoint: `server__tool`, other characters than `[A-Za-z0-9_-]` replaced by `_`. A name that lost
 * something (a character or its tail past 64) gets a suffix of its identity's hash, so that two tools never share one;
 * the same tool always gets the same name.
 */
export function wireName(server: string, ownName: string, separator: string): string {
  const plain = `${server}${separator}${ownName.replace(/[^A-Za-z0-9_-]/g, "_")}`;
  return plain.length > WIRE_NAME_LENGTH_MAX ? suffixed(plain, server, ownName) : plain;
}

/** The name for a tool whose plain wire name is taken by another of the same namespace. */
export function suffixed(plain: string, server: string, ownName: string): string {
  const hash = createHash("sha256").update(identity(server, ownName)).digest("hex").slice(0, 8);
  return `${plain.slice(0, WIRE_NAME_LENGTH_MAX - hash.length - 1)}_${hash}`;
}
