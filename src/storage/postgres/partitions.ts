import { type Kysely, sql } from "kysely";
import type { Schema } from "../schema.ts";

const tables = ["request_logs", "audit_logs"] as const;
/** Days made ahead, today included; a process that sleeps longer writes to the default partition. */
const DAYS_AHEAD = 4;
const DAY_MS = 86_400_000;

/** Idempotent; of several replicas that try at once, those that come late find the partition there. */
export async function partitionLogs(db: Kysely<Schema>, now: number): Promise<void> {
  for (const table of tables) {
    for (let day = 0; day < DAYS_AHEAD; day++) {
      const from = new Date(Math.floor(now / DAY_MS) * DAY_MS + day * DAY_MS);
      await makePartition(db, table, from);
    }
  }
}

async function makePartition(db: Kysely<Schema>, table: string, from: Date): Promise<void> {
  const name = `${table}_${from.toISOString().slice(0, 10).replaceAll("-", "")}`;
  const known = await sql<{ found: unknown }>`select to_regclass(${name})::text as found`.execute(db);
  if (known.rows[0]?.found !== null) return;
  const until = new Date(from.getTime() + DAY_MS);
  await db.transaction().execute(async (transaction) => {
    // The lock of every replica that makes partitions; and the default partition may already hold rows of this day.
    await sql`select pg_advisory_xact_lock(6504136729115)`.execute(transaction);
    const [held] = (
      await sql<{ isHeld: boolean }>`select to_regclass(${name}) is not null or exists (
        select 1 from ${sql.id(`${table}_default`)}
        where ${sql.id(table === "request_logs" ? "started_at" : "logged_at")} >= ${from}
        and ${sql.id(table === "request_logs" ? "started_at" : "logged_at")} < ${until}) as is_held`.execute(
        transaction,
      )
    ).rows;
    if (held?.isHeld) return;
    await sql`create table ${sql.id(name)} partition of ${sql.id(table)}
      for values from (${sql.lit(from.toISOString())}) to (${sql.lit(until.toISOString())})`.execute(
      transaction,
    );
  });
}
