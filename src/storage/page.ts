import type { PageRequest } from "../model/ports/row.ts";

const LIMIT_MAX = 1_000;
/** Before every id. */
const FIRST = "00000000-0000-0000-0000-000000000000";

export function pageOf(page: PageRequest = {}): { readonly after: string; readonly limit: number } {
  return { after: page.after ?? FIRST, limit: limitOf(page.limit) };
}
export function limitOf(limit = LIMIT_MAX): number {
  return Math.max(1, Math.min(limit, LIMIT_MAX));
}
