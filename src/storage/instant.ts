import { type RawBuilder, sql } from "kysely";

/** A time to compare a time column with: milliseconds for the program, the dialect's own form for the store. */
export function instant(ms: number): RawBuilder<number> {
  return sql<number>`${new Date(ms)}`;
}

/** Later than the version it replaces, also within one millisecond: two versions never look alike. */
export function stampAfter(previous: number): Date {
  return new Date(Math.max(Date.now(), previous + 1));
}
