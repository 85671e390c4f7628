import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/** Sign-ins, the keys that sign tokens, people known from identity providers, and applications that sign for themselves. */
export const identities: Migration = {
  name: "0007-identities",
  async up(db, { uuid, text, integer, time, json, tableEnd }) {
    const run = (statement: ReturnType<typeof sql>) => statement.execute(db);
    await run(sql`create table token_families (
      id ${uuid} primary key,
      organization_id ${uuid} not null,
      user_id ${uuid} not null,
      generation ${integer} not null,
      created_at ${time} not null,
      last_used_at ${time} not null,
      expires_at ${time} not null,
      revoked_at ${time},
      foreign key (organization_id, user_id) references users (organization_id, id) on delete cascade
    ) ${tableEnd}`);
    await run(sql`create index token_families_by_user on token_families (organization_id, user_id)`);
    await run(sql`create table signing_keys (
      id ${uuid} primary key,
      public_key ${text} not null,
      private_key ${text} not null,
      created_at ${time} not null,
      retires_at ${time} not null
    ) ${tableEnd}`);
    await run(sql`create table external_identities (
      id ${uuid} primary key,
      organization_id ${uuid} not null,
      user_id ${uuid} not null,
      issuer ${text} not null,
      subject ${text} not null,
      created_at ${time} not null,
      unique (organization_id, issuer, subject),
      foreign key (organization_id, user_id) references users (organization_id, id) on delete cascade
    ) ${tableEnd}`);
    await run(
      sql`create index external_identities_by_user on external_identities (organization_id, user_id)`,
    );
    await run(sql`create table client_key_sets (
      api_key_id ${uuid} primary key references api_keys (id) on delete cascade,
      jwks ${json} not null,
      created_at ${time} not null
    ) ${tableEnd}`);
    await run(sql`create table used_assertions (
      id ${text} primary key,
      expires_at ${time} not null
    ) ${tableEnd}`);
  },
  async down(db) {
    for (const table of [
      "used_assertions",
      "client_key_sets",
      "external_identities",
      "signing_keys",
      "token_families",
    ]) {
      await db.schema.dropTable(table).execute();
    }
  },
};
