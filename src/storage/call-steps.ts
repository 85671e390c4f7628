import type { Kysely, SelectQueryBuilder } from "kysely";
import type { CallTable } from "./call-table.ts";
import { instant } from "./instant.ts";
import { recordSteps, type Step } from "./record-steps.ts";
import type { Schema } from "./schema.ts";

/** Of a call in its organisation's list. */
interface Place {
  readonly at: number;
  readonly id: string;
}
export interface CallRange extends Partial<Step<Place>> {
  readonly organizationId: string;
  /** Inclusive; milliseconds. */
  readonly from?: number | undefined;
  /** Exclusive. */
  readonly before?: number | undefined;
}

/** A range of calls in pieces (`recordSteps`). */
export async function* callSteps(
  db: Kysely<Schema>,
  { stepRows }: CallTable,
  range: CallRange,
  late: AbortSignal,
): AsyncGenerator<CallRange> {
  const placeAfter = (after: Place | undefined, rows: number) =>
    newestFirst(within(db.selectFrom("requestLogs"), { ...range, after }))
      .select(["startedAt as at", "id"])
      .limit(1)
      .offset(rows - 1)
      .executeTakeFirst();
  for await (const step of recordSteps(stepRows, range.after, placeAfter, late)) yield { ...range, ...step };
}

type Calls<O> = SelectQueryBuilder<Schema, "requestLogs", O>;

/** Pairs are compared as such: the index has both, and a page in the middle begins there. */
export function within<O>(calls: Calls<O>, range: CallRange): Calls<O> {
  const { organizationId, from, before, after, oldest } = range;
  let query = calls.where("organizationId", "=", organizationId);
  if (oldest !== undefined) {
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("startedAt", "id"), ">=", tuple(instant(oldest.at), oldest.id)),
    );
  } else if (from !== undefined) query = query.where("startedAt", ">=", instant(from));
  if (after !== undefined) {
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(refTuple("startedAt", "id"), "<", tuple(instant(after.at), after.id)),
    );
  }
  if (before !== undefined) query = query.where("startedAt", "<", instant(before));
  return query;
}

export function newestFirst<O>(calls: Calls<O>): Calls<O> {
  return calls.orderBy("startedAt", "desc").orderBy("id", "desc");
}
