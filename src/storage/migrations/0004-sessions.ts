import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/**
 * What changes of clients' sessions. Namespaces and servers of the configuration file have sessions too and no row, so
 * neither is a reference; a namespace's removal deletes its sessions by hand.
 */
export const sessions: Migration = {
  name: "0004-sessions",
  async up(db, { uuid, text, time, json, tableEnd }) {
    await sql`create table mcp_sessions (
      id ${uuid} primary key,
      organization_id ${uuid} not null references organizations (id) on delete cascade,
      namespace_id ${uuid} not null,
      server_id ${uuid},
      status ${text} not null check (status in ('active', 'terminated', 'expired')),
      protocol ${text} not null,
      protocol_version ${text} not null,
      client_id ${text},
      connection_id ${text},
      principal_id ${text} not null,
      user_id ${uuid},
      log_level ${text},
      subscriptions ${json} not null,
      upstream_sessions ${json} not null,
      started_at ${time} not null,
      last_activity_at ${time} not null,
      ended_at ${time}
    ) ${tableEnd}`.execute(db);
    await sql`create index mcp_sessions_by_organization on mcp_sessions (organization_id, id)`.execute(db);
    await sql`create index mcp_sessions_by_end on mcp_sessions (ended_at) where ended_at is not null`.execute(
      db,
    );
    await sql`create index mcp_sessions_by_activity on mcp_sessions (last_activity_at) where status = 'active'`.execute(
      db,
    );
  },
  async down(db) {
    await db.schema.dropTable("mcp_sessions").execute();
  },
};
