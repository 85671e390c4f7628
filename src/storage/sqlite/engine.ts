import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { type Driver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql } from "kysely";
import { ColumnDecoder } from "../column.ts";
import type { ColumnTypes, Engine } from "../engine.ts";
import type { Schema } from "../schema.ts";
import { sqliteCalls } from "./call-table.ts";
import { SqliteConnections } from "./connections.ts";
import { SqliteDriver } from "./driver.ts";
import { SqliteReadDriver } from "./read-driver.ts";
import { SqliteReader } from "./reader.ts";

/** Longest a query over the record may take; in steps, it ends then. */
const READ_MS_MAX = 30_000;

export interface SqliteOptions {
  readonly path: string;
  /** Longest wait for another process's write, default 5 s; it passes in the writer thread. */
  readonly busyTimeoutMs?: number;
  /** `FULL` also survives a power cut with the last commit. */
  readonly synchronous?: "NORMAL" | "FULL";
}

const columns: ColumnTypes = {
  kind: "sqlite",
  uuid: sql`text`,
  text: sql`text`,
  integer: sql`integer`,
  bigint: sql`integer`,
  real: sql`real`,
  flag: sql`integer`,
  time: sql`integer`,
  json: sql`text`,
  tableEnd: sql`strict`,
  dailyTableEnd: () => sql`strict`,
  defaultPartition: undefined,
};

/** Statements go to several connections at once; without this Kysely lets reads wait for the write before them. */
class ConcurrentAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** Opens the file, which is made where there is none. @throws GatewayError `store_unavailable`. */
export async function openSqlite(options: SqliteOptions): Promise<Engine> {
  mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
  const opening = {
    path: options.path,
    busyTimeoutMs: options.busyTimeoutMs ?? 5_000,
    synchronous: options.synchronous ?? "NORMAL",
  };
  const connections = new SqliteConnections(opening);
  await connections.open();
  const reader = new SqliteReader(opening);
  return {
    kind: "sqlite",
    db: queriesOver(() => new SqliteDriver(connections)),
    reads: queriesOver(() => new SqliteReadDriver(reader)),
    readMsMax: READ_MS_MAX,
    columns,
    calls: sqliteCalls,
    fromNow: (ms) => sql<Date>`(cast(unixepoch('subsec') * 1000 as integer) + ${ms})`,
    // A transaction here holds the file's write lock from its first statement on.
    lockMigrations: () => Promise.resolve(),
    partitionLogs: () => Promise.resolve(),
    close: async () => {
      // The writer last: whoever closes the last connection tidies the file.
      await reader.close();
      await connections.close();
    },
  };
}

function queriesOver(createDriver: () => Driver): Kysely<Schema> {
  return new Kysely<Schema>({
    dialect: {
      createAdapter: () => new ConcurrentAdapter(),
      createDriver,
      createIntrospector: (database) => new SqliteIntrospector(database),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
    plugins: [new ColumnDecoder()],
  });
}
