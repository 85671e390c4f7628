import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/** What is called, and how it fared. `environment`, `headers` and `auth` hold sealed JSON. */
export const servers: Migration = {
  name: "0002-servers",
  async up(db, { uuid, text, integer, flag, time, json, tableEnd }) {
    const run = (statement: ReturnType<typeof sql>) => statement.execute(db);
    await run(sql`create table mcp_servers (
      id ${uuid} primary key,
      organization_id ${uuid} not null references organizations (id) on delete cascade,
      namespace_id ${uuid} not null,
      name ${text} not null,
      description ${text} not null,
      protocol ${text} not null,
      url ${text},
      command ${text},
      args ${json} not null,
      environment ${text},
      headers ${text},
      auth ${text},
      working_dir ${text},
      version ${text},
      tags ${json} not null,
      metadata ${json} not null,
      settings ${json} not null,
      status ${text} not null,
      health_check_url ${text},
      timeout_seconds ${integer} not null,
      max_retries ${integer} not null,
      is_active ${flag} not null,
      created_by ${text},
      created_at ${time} not null,
      updated_at ${time} not null,
      unique (namespace_id, name),
      foreign key (organization_id, namespace_id) references namespaces (organization_id, id) on delete cascade
    ) ${tableEnd}`);
    await run(sql`create index mcp_servers_by_organization on mcp_servers (organization_id, id)`);
    await run(sql`create table virtual_servers (
      id ${uuid} primary key,
      organization_id ${uuid} not null references organizations (id) on delete cascade,
      namespace_id ${uuid} not null,
      name ${text} not null,
      description ${text} not null,
      adapter_type ${text} not null,
      settings ${json} not null,
      auth ${text},
      tools ${json} not null,
      is_active ${flag} not null,
      created_by ${text},
      created_at ${time} not null,
      updated_at ${time} not null,
      unique (namespace_id, name),
      foreign key (organization_id, namespace_id) references namespaces (organization_id, id) on delete cascade
    ) ${tableEnd}`);
    await run(sql`create index virtual_servers_by_organization on virtual_servers (organization_id, id)`);
    // Servers of the configuration file have checks too, so the server is not a reference.
    await run(sql`create table health_checks (
      id ${uuid} primary key,
      organization_id ${uuid} not null references organizations (id) on delete cascade,
      namespace_id ${uuid} not null,
      server_id ${uuid} not null,
      status ${text} not null,
      response_ms ${integer},
      error ${text},
      checked_at ${time} not null
    ) ${tableEnd}`);
    await run(sql`create index health_checks_by_server on health_checks (server_id, checked_at)`);
    await run(sql`create index health_checks_by_organization on health_checks (organization_id, checked_at)`);
  },
  async down(db) {
    for (const table of ["health_checks", "virtual_servers", "mcp_servers"]) {
      await db.schema.dropTable(table).execute();
    }
  },
};
