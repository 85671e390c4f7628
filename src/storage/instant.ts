import { type RawBuilder, sql } from "kysely";

/** A time to compare a time column with: milliseconds for the program, the dialect's own form for the store. */
export function instant(ms: number): RawBuilder<number> {
  return sql<number>`${new Date(ms)}`;
}
