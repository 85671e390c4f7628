import { z } from "zod";
import { GatewayError } from "../errors/gateway-error.ts";
import { isActPattern } from "../model/claim-mapping.ts";
import type { IncomingHeaders } from "../model/incoming-request.ts";
import { PERMISSION_CHARS_MAX, PERMISSION_PATTERN } from "../model/permission-cover.ts";
import { namesVersion, versionTag } from "./entity-tag.ts";

/** Kinds of values the API takes and shows; durations are `*_seconds`, times RFC 3339, names snake case. */
export const slug = z.string().regex(/^[a-z0-9-]{1,32}$/, "must be 1 to 32 of a-z, 0-9 and -");
export const label = z.string().min(1).max(200);
export const note = z.string().max(2_000);
export const time = z.iso.datetime();
export const uuid = z.uuid();
export const metadata = z.record(z.string().max(200), z.unknown());
export const role = z.enum(["admin", "user", "viewer", "api_user"]);
export const permission = z
  .string()
  .max(PERMISSION_CHARS_MAX)
  .regex(PERMISSION_PATTERN, "must be a pattern such as server:tool")
  .refine((pattern) => !isActPattern(pattern), {
    error:
      "must be a pattern such as server:tool: acts of administration are permitted by a role or by scopes",
  });

/** PostgreSQL holds no NUL in a text, and where it is asked for one it does not say of which member. */
export const storableText = (charsMax: number) =>
  z
    .string()
    .max(charsMax)
    .refine((text) => !text.includes("\0"), "must hold no NUL");
/** Of cursors: milliseconds since the epoch that `timeOf` writes and every store compares. */
export const instant = z.number().min(0).max(Date.parse("9999-12-31T23:59:59.999Z"));

export const timeOf = (at: number): string => new Date(at).toISOString();
export const optionalTime = (at: number | null): string | null => (at === null ? null : timeOf(at));

/** Every list of the API: pages in order of id, with an opaque cursor. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(1_000).default(100).describe("Items on one page."),
  cursor: z.string().max(512).optional().describe("`next_cursor` of the page before."),
};
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() });
}
/** Reads one item more than a page holds, to know whether there is another. */
export function pageRequest(query: { readonly limit: number; readonly cursor?: string | undefined }) {
  const after =
    query.cursor === undefined ? undefined : Buffer.from(query.cursor, "base64url").toString("utf8");
  if (after !== undefined && !uuid.safeParse(after).success) throw cursorFault();
  return { limit: Math.min(query.limit + 1, 1_000), after };
}
/** Of a list in another order than that of ids: the members of its last place. */
export function cursorOf(place: readonly (number | string)[]): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}
/** What such a cursor holds. @throws GatewayError `invalid_request` for one that does not fit */
export function placeIn<T extends z.ZodType>(place: T, cursor: string): z.output<T> {
  try {
    return place.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
  } catch (cause) {
    throw cursorFault(cause);
  }
}
/** Of a cursor that no list of ours gave. */
export function cursorFault(cause?: unknown): GatewayError {
  const detail = "cursor: must be the next_cursor of the page before; start the list again without one";
  return new GatewayError("invalid_request", { detail }, { cause });
}
export function pageAnswer<T extends { readonly id: string }, V>(
  rows: readonly T[],
  limit: number,
  view: (row: T) => V,
): { readonly items: readonly V[]; readonly next_cursor: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit || (limit === 1_000 && rows.length === 1_000);
  const cursor = more && last !== undefined ? Buffer.from(last.id).toString("base64url") : null;
  return { items: items.map(view), next_cursor: cursor };
}

/**
 * `If-Match` names the version the caller saw, `If-None-Match` one it does not want to change, or with `*` that there is none
 * (RFC 9110, 13.1); without them the last writer wins. To be called within the write, with the row as it is then.
 * @throws GatewayError `precondition_failed`
 */
export function checkConditions(
  headers: IncomingHeaders,
  { updatedAt }: { readonly updatedAt: number },
): void {
  const version = versionTag(timeOf(updatedAt));
  const [wanted, unwanted] = [headers.get("if-match"), headers.get("if-none-match")];
  const isWanted = wanted === null || namesVersion(wanted, version, "strong");
  if (!isWanted || (unwanted !== null && namesVersion(unwanted, version, "weak")))
    throw new GatewayError("precondition_failed");
}

/** An object that is not there and one of another tenant are answered alike. */
export function found<T>(object: T | undefined): T {
  if (object === undefined) throw new GatewayError("not_found");
  return object;
}
/** @param isRemoved false where there was nothing to remove */
export function removed(isRemoved: boolean): void {
  if (!isRemoved) throw new GatewayError("not_found");
}
export function idOf(params: Readonly<Record<string, string>>): string {
  const id = params.id ?? "";
  if (!uuid.safeParse(id).success) throw new GatewayError("not_found");
  return id.toLowerCase();
}
