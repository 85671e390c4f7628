import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/**
 * Policies that say who serves, in a table of their own: a release that does not know them reads `policies` whole and would
 * take one for a denial. And in the record the server that answered where it is not the one that was called.
 */
export const routing: Migration = {
  name: "0019-routing",
  async up(db, { uuid, text, integer, flag, time, json, tableEnd }) {
    await sql`create table routing_policies (
      id ${uuid} primary key,
      organization_id ${uuid} not null references organizations (id) on delete cascade,
      namespace_id ${uuid},
      name ${text} not null,
      description ${text} not null,
      rules ${json} not null,
      priority ${integer} not null,
      is_active ${flag} not null,
      created_by ${text},
      created_at ${time} not null,
      updated_at ${time} not null,
      unique (organization_id, name),
      foreign key (organization_id, namespace_id) references namespaces (organization_id, id) on delete cascade
    ) ${tableEnd}`.execute(db);
    await sql`alter table request_logs add column served_by ${text}`.execute(db);
  },
  async down(db) {
    await sql`alter table request_logs drop column served_by`.execute(db);
    await db.schema.dropTable("routing_policies").execute();
  },
};
