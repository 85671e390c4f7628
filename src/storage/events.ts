import type { SelectQueryBuilder } from "kysely";
import type { AuditLogEntry } from "../model/log-entry.ts";
import type { EventFilter, LogPageRequest, LogPlace } from "../model/ports/records.ts";
import type { Engine } from "./engine.ts";
import type { ExpiringRows } from "./expiry.ts";
import { instant } from "./instant.ts";
import { equals } from "./null-column.ts";
import { limitOf } from "./page.ts";
import { auditEntry } from "./record-rows.ts";
import { recordSteps, type Step } from "./record-steps.ts";
import type { Schema } from "./schema.ts";

interface EventRange extends Partial<Step<LogPlace>> {
  /** `null`: events that belong to none. */
  readonly organizationId: string | null;
  readonly from?: number | undefined;
  readonly before?: number | undefined;
}
type Events<O> = SelectQueryBuilder<Schema, "auditLogs", O>;

/** Newest first, looked through in steps as calls are (`call-steps.ts`). */
export async function listEvents(
  { reads, calls: { stepRows } }: Pick<Engine, "reads" | "calls">,
  organizationId: string | null,
  page: LogPageRequest,
  filter: EventFilter,
  late: AbortSignal,
): Promise<AuditLogEntry[]> {
  const limit = limitOf(page.limit);
  const range: EventRange = { ...page, organizationId };
  const placeAfter = (after: LogPlace | undefined, rows: number) =>
    newestFirst(within(reads.selectFrom("auditLogs"), { ...range, after }))
      .select(["loggedAt as at", "chainId as id", "chainSeq as sequence"])
      .limit(1)
      .offset(rows - 1)
      .executeTakeFirst()
      .then((place) => place && { ...place, sequence: Number(place.sequence) });
  const entries: AuditLogEntry[] = [];
  for await (const step of recordSteps(stepRows, page.after, placeAfter, late)) {
    const query = filtered(within(reads.selectFrom("auditLogs"), { ...range, ...step }), page, filter);
    const rows = await newestFirst(query)
      .selectAll()
      .limit(limit - entries.length)
      .execute();
    entries.push(...rows.map(auditEntry));
    if (entries.length >= limit) break;
  }
  return entries;
}

/** Places are compared as such: the index has all of one. */
function within<O>(events: Events<O>, range: EventRange): Events<O> {
  const { organizationId, from, before, after, oldest } = range;
  let query = events.where("organizationId", equals(organizationId), organizationId);
  if (oldest !== undefined) {
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(
        refTuple("loggedAt", "chainId", "chainSeq"),
        ">=",
        tuple(instant(oldest.at), oldest.id, oldest.sequence),
      ),
    );
  } else if (from !== undefined) query = query.where("loggedAt", ">=", instant(from));
  if (after !== undefined) {
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(
        refTuple("loggedAt", "chainId", "chainSeq"),
        "<",
        tuple(instant(after.at), after.id, after.sequence),
      ),
    );
  }
  if (before !== undefined) query = query.where("loggedAt", "<", instant(before));
  return query;
}

function newestFirst<O>(events: Events<O>): Events<O> {
  return events.orderBy("loggedAt", "desc").orderBy("chainId", "desc").orderBy("chainSeq", "desc");
}

/** Without what says where in the list it begins. */
function filtered<O>(events: Events<O>, { namespaceId }: LogPageRequest, filter: EventFilter): Events<O> {
  let query = events;
  if (namespaceId !== undefined) query = query.where("namespaceId", "=", namespaceId);
  for (const [column, value] of Object.entries(filter)) {
    if (value !== undefined) query = query.where(column as keyof EventFilter, "=", value);
  }
  return query;
}

/** The journal's own: they name other chains' ends, which a verification asks for, and nobody. */
const JOURNAL_ACTIONS = "journal.%";

/** An expired record has no action, which is like nothing. Found by the reader, emptied by the writer. */
export function eventsOf(
  { db, reads }: Pick<Engine, "db" | "reads">,
  organizationId: string | null,
): ExpiringRows<{ readonly at: number; readonly chainId: string; readonly chainSeq: number }> {
  const own = (from: number, before: number) =>
    reads
      .selectFrom("auditLogs")
      .where("organizationId", equals(organizationId), organizationId)
      .where("loggedAt", ">=", instant(from))
      .where("loggedAt", "<", instant(before))
      .orderBy("loggedAt");
  return {
    timeAfter: async (from, before, rows) =>
      (await own(from, before).select("loggedAt").limit(1).offset(rows).executeTakeFirst())?.loggedAt,
    kept: (from, before, limit) =>
      own(from, before)
        .where("action", "not like", JOURNAL_ACTIONS)
        .select(["loggedAt as at", "chainId", "chainSeq"])
        .limit(limit)
        .execute(),
    empty: async (rows) => {
      const latest = instant(rows.at(-1)?.at ?? 0);
      let count = 0;
      for (const chainId of new Set(rows.map((row) => row.chainId))) {
        const sequences = rows.filter((row) => row.chainId === chainId).map(({ chainSeq }) => chainSeq);
        const { numUpdatedRows } = await db
          .updateTable("auditLogs")
          .set(EMPTY)
          .where("organizationId", equals(organizationId), organizationId)
          .where("chainId", "=", chainId)
          .where(
            "chainSeq",
            ">=",
            sequences.reduce((least, next) => Math.min(least, next)),
          )
          .where(
            "chainSeq",
            "<=",
            sequences.reduce((most, next) => Math.max(most, next)),
          )
          .where("loggedAt", "<=", latest)
          .where("action", "not like", JOURNAL_ACTIONS)
          .executeTakeFirst();
        count += Number(numUpdatedRows);
      }
      return count;
    },
  };
}

const EMPTY = {
  namespaceId: null,
  action: null,
  actor: null,
  actorName: null,
  target: null,
  status: null,
  errorCode: null,
  correlationId: null,
  clientAddress: null,
  detailText: null,
  salt: null,
};
