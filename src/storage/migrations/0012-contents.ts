import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/** What was said in calls, sealed, beside the narrow rows of `request_logs`. No references, as there. */
export const contents: Migration = {
  name: "0012-contents",
  async up(db, columns) {
    const { uuid, text, bigint, time, dailyTableEnd, defaultPartition } = columns;
    const run = (statement: ReturnType<typeof sql>) => statement.execute(db);
    await run(sql`create table request_contents (
      id ${uuid} not null,
      started_at ${time} not null,
      chain_id ${uuid} not null,
      chain_seq ${bigint} not null,
      organization_id ${uuid},
      part ${text},
      level ${text},
      text_bytes ${bigint},
      sealed ${text},
      link ${text} not null,
      salt ${text},
      primary key (id, started_at, chain_id, chain_seq)
    ) ${dailyTableEnd("started_at")}`);
    await run(
      sql`create index request_contents_by_organization on request_contents (organization_id, started_at)`,
    );
    await run(sql`create index request_contents_by_chain on request_contents (chain_id, chain_seq)`);
    if (defaultPartition !== undefined) await run(defaultPartition("request_contents"));
  },
  async down(db) {
    await db.schema.dropTable("request_contents").execute();
  },
};
