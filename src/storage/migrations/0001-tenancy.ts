import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/** Organisations and namespaces, who may act in them, and what belongs to the installation as a whole. */
export const tenancy: Migration = {
  name: "0001-tenancy",
  async up(db, { uuid, text, integer, bigint, flag, time, json, tableEnd }) {
    const run = (statement: ReturnType<typeof sql>) => statement.execute(db);
    await run(sql`create table config_state (
      id ${integer} primary key,
      config_version ${bigint} not null,
      credential_version ${bigint} not null
    ) ${tableEnd}`);
    await run(sql`insert into config_state (id, config_version, credential_version) values (1, 1, 1)`);
    await run(sql`create table settings (
      name ${text} primary key,
      value ${text} not null,
      is_sealed ${flag} not null,
      updated_at ${time} not null
    ) ${tableEnd}`);
    await run(sql`create table leases (
      name ${text} primary key,
      holder ${text} not null,
      generation ${bigint} not null,
      expires_at ${time} not null
    ) ${tableEnd}`);
    await run(sql`create table organizations (
      id ${uuid} primary key,
      slug ${text} not null unique,
      name ${text} not null,
      plan ${text} not null,
      max_servers ${integer} not null,
      max_sessions ${integer} not null,
      log_retention_days ${integer} not null,
      is_active ${flag} not null,
      config_version ${bigint} not null,
      created_at ${time} not null,
      updated_at ${time} not null
    ) ${tableEnd}`);
    // The second key lets a row name its organisation and namespace in one reference: never two that do not belong together.
    await run(sql`create table namespaces (
      id ${uuid} primary key,
      organization_id ${uuid} not null references organizations (id) on delete cascade,
      slug ${text} not null,
      name ${text} not null,
      description ${text} not null,
      separator ${text} not null,
      metadata ${json} not null,
      created_at ${time} not null,
      updated_at ${time} not null,
      unique (organization_id, slug),
      unique (organization_id, id)
    ) ${tableEnd}`);
    await run(sql`create table users (
      id ${uuid} primary key,
      organization_id ${uuid} not null references organizations (id) on delete cascade,
      username ${text} not null,
      username_lower ${text} not null,
      email ${text},
      email_lower ${text},
      password_hash ${text},
      role ${text} not null,
      platform_admin ${flag} not null,
      permissions ${json} not null,
      is_active ${flag} not null,
      email_verified ${flag} not null,
      must_change_password ${flag} not null,
      last_login_at ${time},
      created_at ${time} not null,
      updated_at ${time} not null,
      unique (organization_id, username_lower),
      unique (organization_id, email_lower),
      unique (organization_id, id)
    ) ${tableEnd}`);
    await run(sql`create table api_keys (
      id ${uuid} primary key,
      organization_id ${uuid} not null references organizations (id) on delete cascade,
      namespace_id ${uuid},
      user_id ${uuid},
      name ${text} not null,
      type ${text} not null check (type in ('user', 'a2a')),
      role ${text} not null check (role in ('admin', 'user', 'viewer', 'api_user')),
      platform_admin ${flag} not null,
      permissions ${json} not null,
      prefix ${text} not null,
      hash ${text} not null unique,
      expires_at ${time},
      last_used_at ${time},
      is_active ${flag} not null,
      revoked_at ${time},
      created_by ${text},
      created_at ${time} not null,
      updated_at ${time} not null,
      foreign key (organization_id, namespace_id) references namespaces (organization_id, id) on delete cascade,
      foreign key (organization_id, user_id) references users (organization_id, id) on delete cascade
    ) ${tableEnd}`);
    await run(sql`create index api_keys_by_organization on api_keys (organization_id, id)`);
    await run(sql`create index api_keys_by_namespace on api_keys (namespace_id)`);
    await run(sql`create index api_keys_by_user on api_keys (user_id)`);
  },
  async down(db) {
    for (const table of [
      "api_keys",
      "users",
      "namespaces",
      "organizations",
      "leases",
      "settings",
      "config_state",
    ]) {
      await db.schema.dropTable(table).execute();
    }
  },
};
