import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/** The living processes and how they reach each other. Nothing of it outlives them. */
export const peers: Migration = {
  name: "0010-peers",
  async up(db, { text, time, tableEnd }) {
    await sql`create table peers (
      id ${text} primary key,
      replica ${text} not null,
      address ${text},
      socket_path ${text},
      seen_at ${time} not null
    ) ${tableEnd}`.execute(db);
  },
  async down(db) {
    await db.schema.dropTable("peers").execute();
  },
};
