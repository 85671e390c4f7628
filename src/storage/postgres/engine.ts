import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from "kysely";
import { ColumnDecoder } from "../column.ts";
import type { ColumnTypes, Engine } from "../engine.ts";
import type { Schema } from "../schema.ts";
import { postgresCalls } from "./call-table.ts";
import { type PoolOptions, PostgresConnections } from "./connections.ts";
import { PostgresDriver } from "./driver.ts";
import { partitionLogs } from "./partitions.ts";

/** Any number all gateways agree on; no other program's advisory lock should use it. */
const MIGRATION_LOCK = "6504136729114";

const columns: ColumnTypes = {
  kind: "postgres",
  uuid: sql`uuid`,
  text: sql`text`,
  integer: sql`integer`,
  bigint: sql`bigint`,
  real: sql`double precision`,
  flag: sql`boolean`,
  time: sql`timestamptz`,
  json: sql`jsonb`,
  tableEnd: sql``,
  dailyTableEnd: (timeColumn) => sql`partition by range (${sql.id(timeColumn)})`,
  defaultPartition: (table) =>
    sql`create table ${sql.id(`${table}_default`)} partition of ${sql.id(table)} default`,
};

/** Makes the pool; nothing is connected before the first query. */
export function openPostgres(options: PoolOptions): Engine {
  const connections = new PostgresConnections(options);
  const db = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new PostgresDriver(connections),
      createIntrospector: (database) => new PostgresIntrospector(database),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
    plugins: [new ColumnDecoder()],
  });
  return {
    kind: "postgres",
    db,
    reads: db,
    readMsMax: options.statementTimeoutMs,
    columns,
    calls: postgresCalls,
    fromNow: (ms) => sql<Date>`(clock_timestamp() + ${ms}::float8 * interval '1 millisecond')`,
    lockMigrations: async (transaction) => {
      await sql`select pg_advisory_xact_lock(${sql.raw(MIGRATION_LOCK)})`.execute(transaction);
    },
    partitionLogs: (now) => partitionLogs(db, now),
    close: () => connections.close(),
  };
}
