import type { Kysely, SelectQueryBuilder } from "kysely";
import type { CallTable } from "./call-table.ts";
import { instant } from "./instant.ts";
import type { Schema } from "./schema.ts";

/** Of a call in its organisation's list. */
interface Place {
  readonly at: number;
  readonly id: string;
}
export interface CallRange {
  readonly organizationId: string;
  /** Inclusive; milliseconds. */
  readonly from?: number | undefined;
  /** Exclusive. */
  readonly before?: number | undefined;
  /** Older than this one. */
  readonly after?: Place | undefined;
}
interface Step extends CallRange {
  /** Not older than this one. */
  readonly oldest: Place | undefined;
}

/**
 * A range of calls in pieces that one statement gets through soon, newest first, each asked for when the one before is done.
 * @throws the reason of `late`, between two of them
 */
export async function* callSteps(
  db: Kysely<Schema>,
  { stepRows }: CallTable,
  range: CallRange,
  late: AbortSignal,
): AsyncGenerator<Step> {
  for (let { after } = range; ; ) {
    late.throwIfAborted();
    const piece = { ...range, after };
    const oldest =
      stepRows === undefined
        ? undefined
        : await newestFirst(within(db.selectFrom("requestLogs"), piece))
            .select(["startedAt as at", "id"])
            .limit(1)
            .offset(stepRows - 1)
            .executeTakeFirst();
    late.throwIfAborted();
    yield { ...piece, oldest };
    if (oldest === undefined) return;
    after = oldest;
  }
}

type Calls<O> = SelectQueryBuilder<Schema, "requestLogs", O>;

/** Pairs are compared as such: the index has both, and a page in the middle begins there. */
export function within<O>(calls: Calls<O>, range: CallRange & Partial<Step>): Calls<O> {
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
