import { type Kysely, sql } from "kysely";
import type { ColumnTypes } from "../engine.ts";
import type { Schema } from "../schema.ts";
import type { Migration } from "./migration.ts";

/** Rows filled by one statement. */
const STEP = 20_000;
/** Codes of errors that were the gateway's own, as they were when this was written. */
const ERRORS =
  "'internal','starting','shutting_down','overloaded','upstream_busy','store_unavailable','journal_unavailable'";

/**
 * Of a detail, which begins with its outcome and ends with the name. PostgreSQL's JSON refuses texts that hold a NUL,
 * whatever is asked of them.
 */
const members = {
  sqlite: {
    outcome: "case when json_valid(detail_text) then detail_text ->> '$.outcome' end",
    actorName: "case when json_valid(detail_text) then detail_text ->> '$.actor_name' end",
  },
  postgres: {
    outcome: `substring(detail_text from '^\\{"outcome":"([a-z0-9_]+)"')`,
    actorName: `substring(detail_text from '"actor_name":"([^"\\\\]*)"\\}$')`,
  },
};

/** Fills the columns of events recorded before, in steps: no statement is a long one. */
async function fill(db: Kysely<Schema>, kind: ColumnTypes["kind"]): Promise<void> {
  const { outcome, actorName } = members[kind];
  let after: { chain: string; sequence: string } | undefined;
  do {
    const begin =
      after === undefined ? "true" : `(chain_id, chain_seq) > ('${after.chain}', ${after.sequence})`;
    const { rows } = await sql
      .raw<{ chain: string; sequence: string }>(
        `select chain_id as chain, chain_seq as sequence from audit_logs where ${begin}
          order by chain_id, chain_seq limit 1 offset ${STEP - 1}`,
      )
      .execute(db);
    const last = rows[0];
    const end = last === undefined ? "true" : `(chain_id, chain_seq) <= ('${last.chain}', ${last.sequence})`;
    await sql
      .raw(
        `update audit_logs set actor_name = ${actorName}, error_code = nullif(${outcome}, 'ok'),
          status = case when ${outcome} = 'ok' then 'ok' when ${outcome} in (${ERRORS}) then 'error'
            when ${outcome} is not null then 'refused' end
          where ${begin} and ${end} and detail_text is not null`,
      )
      .execute(db);
    after = last;
  } while (after !== undefined);
}

/** How an event ended and who did it, to be looked for; and an index that holds the whole place of an event in its list. */
export const events: Migration = {
  name: "0021-events",
  async up(db, { kind, text }) {
    for (const column of ["actor_name", "status", "error_code"]) {
      await sql`alter table audit_logs add column ${sql.id(column)} ${text}`.execute(db);
    }
    await fill(db, kind);
    await sql`create index audit_logs_by_place on audit_logs (organization_id, logged_at, chain_id, chain_seq)`.execute(
      db,
    );
    await sql`drop index audit_logs_by_organization`.execute(db);
  },
  async down(db) {
    await sql`create index audit_logs_by_organization on audit_logs (organization_id, logged_at)`.execute(db);
    await sql`drop index audit_logs_by_place`.execute(db);
    for (const column of ["actor_name", "status", "error_code"]) {
      await sql`alter table audit_logs drop column ${sql.id(column)}`.execute(db);
    }
  },
};
