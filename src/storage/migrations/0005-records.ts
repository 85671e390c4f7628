import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/** What the journal drains into. No references: a record outlives what it tells of. */
export const records: Migration = {
  name: "0005-records",
  async up(db, columns) {
    const { uuid, text, bigint, real, time, tableEnd, dailyTableEnd, defaultPartition } = columns;
    const run = (statement: ReturnType<typeof sql>) => statement.execute(db);
    await run(sql`create table request_logs (
      id ${uuid} not null,
      started_at ${time} not null,
      organization_id ${uuid},
      namespace_id ${uuid},
      correlation_id ${text},
      principal_id ${text},
      principal_name ${text},
      method ${text},
      server_id ${uuid},
      server_name ${text},
      target ${text},
      arguments_digest ${text},
      client_address ${text},
      client_name ${text},
      era ${text},
      trace_id ${text},
      status ${text},
      error_code ${text},
      duration_ms ${real},
      result_bytes ${bigint},
      chain_id ${uuid} not null,
      chain_seq ${bigint} not null,
      link ${text} not null,
      salt ${text},
      end_chain_id ${uuid},
      end_chain_seq ${bigint},
      end_link ${text},
      end_salt ${text},
      primary key (id, started_at)
    ) ${dailyTableEnd("started_at")}`);
    await run(sql`create index request_logs_by_organization on request_logs (organization_id, started_at)`);
    await run(sql`create index request_logs_by_chain on request_logs (chain_id, chain_seq)`);
    await run(sql`create index request_logs_by_end on request_logs (end_chain_id, end_chain_seq)
      where end_chain_id is not null`);
    await run(sql`create table audit_logs (
      chain_id ${uuid} not null,
      chain_seq ${bigint} not null,
      logged_at ${time} not null,
      organization_id ${uuid},
      namespace_id ${uuid},
      action ${text},
      actor ${text},
      target ${text},
      correlation_id ${text},
      client_address ${text},
      detail_text ${text},
      link ${text} not null,
      salt ${text},
      primary key (chain_id, chain_seq, logged_at)
    ) ${dailyTableEnd("logged_at")}`);
    await run(sql`create index audit_logs_by_organization on audit_logs (organization_id, logged_at)`);
    if (defaultPartition !== undefined) {
      await run(defaultPartition("request_logs"));
      await run(defaultPartition("audit_logs"));
    }
    await run(sql`create table audit_chains (
      chain_id ${uuid} primary key,
      head_seq ${bigint} not null,
      head_link ${text} not null,
      updated_at ${time} not null
    ) ${tableEnd}`);
    await run(sql`create table audit_checkpoints (
      chain_id ${uuid} not null,
      chain_seq ${bigint} not null,
      signed_seq ${bigint} not null,
      signed_link ${text} not null,
      signing_key_id ${text} not null,
      signature ${text} not null,
      link ${text} not null,
      salt ${text},
      primary key (chain_id, chain_seq)
    ) ${tableEnd}`);
  },
  async down(db) {
    for (const table of ["audit_checkpoints", "audit_chains", "audit_logs", "request_logs"]) {
      await db.schema.dropTable(table).execute();
    }
  },
};
