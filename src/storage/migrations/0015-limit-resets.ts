import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/** What was counted and is to be forgotten, for every process that counts in its own memory. Of use for a minute. */
export const limitResets: Migration = {
  name: "0015-limit-resets",
  async up(db, { uuid, text, time, tableEnd }) {
    await sql`create table limit_resets (
      id ${uuid} primary key,
      rule_id ${uuid} not null,
      subject ${text},
      at ${time} not null
    ) ${tableEnd}`.execute(db);
    await sql`create index limit_resets_by_time on limit_resets (at)`.execute(db);
  },
  async down(db) {
    await db.schema.dropTable("limit_resets").execute();
  },
};
