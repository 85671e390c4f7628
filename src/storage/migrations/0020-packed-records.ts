import { type Kysely, sql } from "kysely";
import type { ColumnTypes } from "../engine.ts";
import type { Schema } from "../schema.ts";
import type { Migration } from "./migration.ts";

/** Rows carried over by one statement. */
const STEP = 10_000;
/** `nearMax` as it was when this was written. */
const NEAR = 2_000;

/** Of the call's JSON, from which the view computes a column when somebody asks for it. */
const members = {
  correlation_id: "correlationId",
  principal_id: "principalId",
  principal_name: "principalName",
  namespace_id: "namespaceId",
  method: "method",
  server_id: "serverId",
  server_name: "serverName",
  served_by: "servedBy",
  target: "target",
  arguments_digest: "argumentsDigest",
  client_address: "clientAddress",
  client_name: "clientName",
  era: "era",
  trace_id: "traceId",
};
const names = Object.keys(members);
// An organisation's own is an empty text in the journal.
const computed = Object.entries(members).map(
  ([name, member]) => `nullif(cast(payload as text) ->> '$.${member}', '') as ${name}`,
);

/** The last of a packed link are three hashes with a space before each, the first is its time. */
const proof = (link: string, salt: string): string =>
  `unhex(substr(${link}, -194, 64) || substr(${link}, -129, 64) || substr(${link}, -64) || coalesce(${salt}, ''))`;
const payload = `cast(json_patch('{}', json_object(${Object.entries(members)
  .map(([name, member]) => `'${member}', ${name}`)
  .join()})) as blob)`;
const isNear = `end_chain_id = chain_id and end_chain_seq - chain_seq between 1 and ${NEAR}`;

const hex = (blob: string, from: number): string => `lower(hex(substr(${blob}, ${from}, 32)))`;
const packed = (blob: string, time: string, kind: string): string =>
  `${time} || ' ' || coalesce(organization_id, '') || ' ' || ${kind} || ' ' || ${hex(blob, 1)} || ' ' || ${hex(blob, 33)} || ' ' || ${hex(blob, 65)}`;
const saltOf = (blob: string): string =>
  `case when length(${blob}) > 96 then lower(hex(substr(${blob}, 97))) end`;

/** In steps, each by the place in the old table: what is under way is never more than one. */
async function carryOver(
  db: Kysely<Schema>,
  from: { readonly table: string; readonly place: string },
  into: string,
  values: string,
): Promise<void> {
  const { table, place } = from;
  const { rows } = await sql
    .raw<{ last: number | null }>(`select max(${place}) as last from ${table}`)
    .execute(db);
  const last = rows[0]?.last ?? 0;
  for (let at = 0; at < last; at += STEP) {
    const step = `${place} > ${at} and ${place} <= ${at + STEP}`;
    await sql
      .raw(`insert into ${into} select ${values} from ${table} where ${step} order by ${place}`)
      .execute(db);
  }
}

async function inSteps(db: Kysely<Schema>, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/**
 * A call's row in SQLite is what is cheap to write (docs/adr/0024-packed-records.md). PostgreSQL keeps its table: its
 * processor is not the gateway's.
 */
export const packedRecords: Migration = {
  name: "0020-packed-records",
  async up(db, { kind }: ColumnTypes) {
    if (kind !== "sqlite") return;
    await inSteps(db, [
      `create table packed_logs (
        place integer primary key,
        organization_id text,
        started_at integer not null,
        id text not null,
        payload blob not null,
        chain_id text not null,
        chain_seq integer not null,
        logged_at integer not null,
        proof blob not null,
        status text,
        error_code text,
        duration_ms real,
        result_bytes integer,
        end_chain_id text,
        end_chain_seq integer,
        end_logged_at integer,
        end_proof blob
      ) strict`,
    ]);
    await carryOver(
      db,
      { table: "request_logs", place: "rowid" },
      `packed_logs (place, organization_id, started_at, id, payload, chain_id, chain_seq, logged_at, proof, status,
        error_code, duration_ms, result_bytes, end_chain_id, end_chain_seq, end_logged_at, end_proof)`,
      `rowid, organization_id, started_at, id, ${payload}, chain_id, chain_seq, cast(link as integer),
        ${proof("link", "salt")}, status, error_code, duration_ms, result_bytes,
        case when ${isNear} then null else end_chain_id end, end_chain_seq, cast(end_link as integer),
        ${proof("end_link", "end_salt")}`,
    );
    await inSteps(db, [
      "drop table request_logs",
      "alter table packed_logs rename to request_logs",
      "create index request_logs_by_organization on request_logs (organization_id, started_at, id)",
      "create unique index request_logs_by_chain on request_logs (chain_id, chain_seq)",
      `create index request_logs_by_end on request_logs (end_chain_id, end_chain_seq)
        where end_chain_id is not null`,
      `create view request_calls as select *, ${computed.join()} from request_logs`,
    ]);
  },
  async down(db, { kind }: ColumnTypes) {
    if (kind !== "sqlite") return;
    const texts = names.map((name) => `${name} text`).join();
    await inSteps(db, [
      `create table wide_logs (
        id text not null,
        started_at integer not null,
        organization_id text,
        ${texts},
        status text,
        error_code text,
        duration_ms real,
        result_bytes integer,
        chain_id text not null,
        chain_seq integer not null,
        link text not null,
        salt text,
        end_chain_id text,
        end_chain_seq integer,
        end_link text,
        end_salt text,
        primary key (id, started_at)
      ) strict`,
    ]);
    const kindOf =
      "case when status is not null and end_chain_seq is null then 'call_refused' else 'call_intent' end";
    await carryOver(
      db,
      { table: "request_calls", place: "place" },
      `wide_logs (id, started_at, organization_id, ${names.join()}, status, error_code, duration_ms, result_bytes,
        chain_id, chain_seq, link, salt, end_chain_id, end_chain_seq, end_link, end_salt)`,
      `id, started_at, organization_id, ${names.join()}, status, error_code, duration_ms, result_bytes,
        chain_id, chain_seq, ${packed("proof", "logged_at", kindOf)}, ${saltOf("proof")},
        case when end_chain_seq is not null then coalesce(end_chain_id, chain_id) end, end_chain_seq,
        ${packed("end_proof", "end_logged_at", "'call_outcome'")}, ${saltOf("end_proof")}`,
    );
    await inSteps(db, [
      "drop view request_calls",
      "drop table request_logs",
      "alter table wide_logs rename to request_logs",
      "create index request_logs_by_organization on request_logs (organization_id, started_at)",
      "create index request_logs_by_chain on request_logs (chain_id, chain_seq)",
      `create index request_logs_by_end on request_logs (end_chain_id, end_chain_seq)
        where end_chain_id is not null`,
    ]);
  },
};
