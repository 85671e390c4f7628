import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/** Failed sign-ins, for every process that lets people in. Of use for a minute. */
export const signInFailures: Migration = {
  name: "0017-sign-in-failures",
  async up(db, { text, time, tableEnd }) {
    await sql`create table sign_in_failures (
      subject ${text} primary key,
      started_at ${time} not null,
      failures integer not null
    ) ${tableEnd}`.execute(db);
    await sql`create index sign_in_failures_by_time on sign_in_failures (started_at)`.execute(db);
  },
  async down(db) {
    await db.schema.dropTable("sign_in_failures").execute();
  },
};
