import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/** What claims of identity providers' tokens are worth, one row an organisation that says so itself. */
export const claimMappings: Migration = {
  name: "0018-claim-mappings",
  async up(db, { uuid, time, json, tableEnd }) {
    await sql`create table claim_mappings (
      organization_id ${uuid} primary key references organizations (id) on delete cascade,
      rules ${json} not null,
      created_at ${time} not null,
      updated_at ${time} not null
    ) ${tableEnd}`.execute(db);
  },
  async down(db) {
    await db.schema.dropTable("claim_mappings").execute();
  },
};
