import { sql } from "kysely";
import type { Migration } from "./migration.ts";

/**
 * Rate limits learn what they count apart (`scope`: dimensions joined by `+`), what they apply to, and how; usage by
 * rule and subject; and the processes that count side by side. Rules of the configuration file have usage too and no
 * row, so a rule is no reference there.
 */
export const limits: Migration = {
  name: "0009-limits",
  async up(db, { uuid, text, integer, bigint, time, json, tableEnd }) {
    const run = (statement: ReturnType<typeof sql>) => statement.execute(db);
    const add = (column: ReturnType<typeof sql>) => run(sql`alter table rate_limits add column ${column}`);
    await add(sql`description ${text} not null default ''`);
    await add(sql`algorithm ${text} not null default 'sliding_window'`);
    await add(sql`filters ${json} not null default '{}'`);
    await add(sql`burst ${integer}`);
    await add(sql`period ${text}`);
    await add(sql`reset_at ${time}`);
    await run(sql`create table rate_limit_usage (
      rule_id ${uuid} not null,
      subject ${text} not null,
      period ${text} not null check (period in ('day', 'month')),
      period_start ${time} not null,
      organization_id ${uuid} references organizations (id) on delete cascade,
      admitted ${bigint} not null,
      refused ${bigint} not null,
      updated_at ${time} not null,
      primary key (rule_id, period_start, period, subject)
    ) ${tableEnd}`);
    await run(sql`create index rate_limit_usage_by_period on rate_limit_usage (period, period_start)`);
    await run(
      sql`create index rate_limit_usage_by_organization on rate_limit_usage (organization_id, rule_id)`,
    );
    await run(sql`create table limit_processes (
      id ${uuid} primary key,
      expires_at ${time} not null
    ) ${tableEnd}`);
  },
  async down(db) {
    await db.schema.dropTable("limit_processes").execute();
    await db.schema.dropTable("rate_limit_usage").execute();
    for (const column of ["reset_at", "period", "burst", "filters", "algorithm", "description"]) {
      await sql`alter table rate_limits drop column ${sql.id(column)}`.execute(db);
    }
  },
};
