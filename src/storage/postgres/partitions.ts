import { type Kysely, sql } from "kysely";
import type { Schema } from "../schema.ts";

const tables = [
  { name: "request_logs", time: "started_at" },
  { name: "request_contents", time: "started_at" },
  { name: "audit_logs", time: "logged_at" },
] as const;
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

async function makePartition(db: Kysely<Schema>, table: (typeof tables)[number], from: Date): Promise<void> {
  const name = `${table.name}_${from.toISOString().slice(0, 10).replaceAll("-", "")}`;
  const known = await sql<{ found: unknown }>`select to_regclass(${name})::text as found`.execute(db);
  if (known.rows[0]?.found !== null) return;
  const until = new Date(from.getTime() + DAY_MS);
  await db.transaction().execute(async (transaction) => {
    // The lock of every replica that makes partitions; and the default partition may already hold rows of this day.
    await sql`select pg_advisory_xact_lock(6504136729115)`.execute(transaction);
    const [held] = (
      await sql<{ isHeld: boolean }>`select to_regclass(${name}) is not null or exists (
        select 1 from ${sql.id(`${table.name}_default`)}
        where ${sql.id(table.time)} >= ${from} and ${sql.id(table.time)} < ${until}) as is_held`.execute(
        transaction,
      )
    ).rows;
    if (held?.isHeld) return;
    await sql`create table ${sql.id(name)} partition of ${sql.id(table.name)}
      for values from (${sql.lit(from.toISOString())}) to (${sql.lit(until.toISOString())})`.execute(
      transaction,
    );
  });
}
