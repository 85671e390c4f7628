import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/** Requests that shall have their effect once, kept for a day; and how an organisation's sessions in use are counted. */
export const administration: Migration = {
  name: "0006-administration",
  async up(db, { uuid, text, time, tableEnd }) {
    await sql`create table idempotency_keys (
      id ${uuid} primary key,
      organization_id ${uuid} not null references organizations (id) on delete cascade,
      principal_id ${text} not null,
      name ${text} not null,
      digest ${text} not null,
      answer ${text},
      created_at ${time} not null,
      unique (organization_id, principal_id, name)
    ) ${tableEnd}`.execute(db);
    await sql`create index idempotency_keys_by_age on idempotency_keys (created_at)`.execute(db);
    await sql`create index mcp_sessions_active on mcp_sessions (organization_id, last_activity_at)
      where status = 'active'`.execute(db);
  },
  async down(db) {
    await sql`drop index mcp_sessions_active`.execute(db);
    await db.schema.dropTable("idempotency_keys").execute();
  },
};
