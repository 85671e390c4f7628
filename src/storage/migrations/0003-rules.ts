import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/** Policies and rate limits: rules of an organisation, or of one of its namespaces. */
export const rules: Migration = {
  name: "0003-rules",
  async up(db, { uuid, text, integer, flag, time, json, tableEnd }) {
    const run = (statement: ReturnType<typeof sql>) => statement.execute(db);
    await run(sql`create table policies (
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
    ) ${tableEnd}`);
    await run(sql`create table rate_limits (
      id ${uuid} primary key,
      organization_id ${uuid} not null references organizations (id) on delete cascade,
      namespace_id ${uuid},
      name ${text} not null,
      scope ${text} not null,
      target ${text},
      limit_count ${integer} not null,
      window_seconds ${integer} not null,
      is_active ${flag} not null,
      created_by ${text},
      created_at ${time} not null,
      updated_at ${time} not null,
      unique (organization_id, name),
      foreign key (organization_id, namespace_id) references namespaces (organization_id, id) on delete cascade
    ) ${tableEnd}`);
  },
  async down(db) {
    await db.schema.dropTable("rate_limits").execute();
    await db.schema.dropTable("policies").execute();
  },
};
