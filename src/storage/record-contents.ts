import type { Kysely, Selectable } from "kysely";
import type { CallContentEntry } from "../model/log-entry.ts";
import type { CallContent } from "../model/ports/journal.ts";
import type { ContentRow, StoredRecord } from "../model/ports/record-sink.ts";
import type { Engine } from "./engine.ts";
import type { ExpiringRows } from "./expiry.ts";
import { instant } from "./instant.ts";
import { equals } from "./null-column.ts";
import { type Columns, packLink, unpackLink, type Value } from "./record-columns.ts";
import type { Schema } from "./schema.ts";

/** The table `request_contents`: what was said in calls. */
export const contentColumns: Columns = {
  id: "uuid",
  started_at: "time",
  chain_id: "uuid",
  chain_seq: "bigint",
  organization_id: "uuid",
  part: "text",
  level: "text",
  text_bytes: "bigint",
  sealed: "text",
  link: "text",
  salt: "text",
};

export function contentValues({ id, startedAt, content, link }: ContentRow): Value[] {
  return [
    id,
    startedAt,
    link.chainId,
    link.sequence,
    link.tenant || null,
    content.part,
    content.level,
    content.bytes,
    content.sealed,
    packLink(link),
    link.salt ?? null,
  ];
}

type Row = Selectable<Schema["requestContents"]>;

export function contentRecord(row: Row): StoredRecord {
  const link = unpackLink(row.chainId, row.chainSeq, row.link, row.salt);
  const content = contentOf(row);
  if (content === undefined) return { link, content: undefined };
  return { link, content: { row: "content", id: row.id, startedAt: row.startedAt, content, link } };
}

/** An expired payload has lost its text. */
function contentOf({ part, level, textBytes, sealed }: Row): ContentRow["content"] | undefined {
  if (part === null || level === null || sealed === null) return undefined;
  return {
    part: part as CallContent["part"],
    level: level as CallContent["level"],
    bytes: textBytes ?? 0,
    sealed,
  };
}

/** In the order it was recorded in. */
export async function contentsOf(
  db: Kysely<Schema>,
  organizationId: string,
  callIds: readonly string[],
): Promise<CallContentEntry[]> {
  if (callIds.length === 0) return [];
  const rows = await db
    .selectFrom("requestContents")
    .selectAll()
    .where("id", "in", callIds)
    .where("organizationId", "=", organizationId)
    .orderBy("chainId")
    .orderBy("chainSeq")
    .execute();
  return rows.flatMap((row) => {
    const content = contentOf(row);
    return content === undefined ? [] : [{ callId: row.id, ...content }];
  });
}

/** Found by the reader and emptied by the writer. */
export function contentsWithin(
  { db, reads }: Pick<Engine, "db" | "reads">,
  organizationId: string | null,
): ExpiringRows<{ readonly at: number; readonly id: string }> {
  const own = (from: number, before: number) =>
    reads
      .selectFrom("requestContents")
      .where("organizationId", equals(organizationId), organizationId)
      .where("startedAt", ">=", instant(from))
      .where("startedAt", "<", instant(before))
      .orderBy("startedAt");
  return {
    timeAfter: async (from, before, rows) =>
      (await own(from, before).select("startedAt").limit(1).offset(rows).executeTakeFirst())?.startedAt,
    kept: (from, before, limit) =>
      own(from, before)
        .where("sealed", "is not", null)
        .select(["startedAt as at", "id"])
        .limit(limit)
        .execute(),
    empty: async (rows) => {
      const { numUpdatedRows } = await db
        .updateTable("requestContents")
        .set({ part: null, level: null, textBytes: null, sealed: null, salt: null })
        .where("startedAt", "<=", instant(rows.at(-1)?.at ?? 0))
        .where("organizationId", equals(organizationId), organizationId)
        .where(
          "id",
          "in",
          rows.map(({ id }) => id),
        )
        .where("sealed", "is not", null)
        .executeTakeFirst();
      return Number(numUpdatedRows);
    },
  };
}
