import type { RecordSink } from "../model/ports/record-sink.ts";
import type { RotatingSealer } from "../model/ports/sealer.ts";
import type { OperatedStore } from "../model/ports/store.ts";
import type { StoreLocation } from "./location.ts";

// What stands behind each door is loaded when it is opened: the drain's thread has no use for queries, nor SQLite for PostgreSQL.

/**
 * Opens a store; its tables are not touched (see `migrateUp`). SQLite: makes the file and starts the writer thread.
 * PostgreSQL: connects with the first query.
 * @throws GatewayError `store_unavailable` where a SQLite file cannot be opened.
 */
export async function openStore(location: StoreLocation, sealer: RotatingSealer): Promise<OperatedStore> {
  const { openOperatedStore } = await import("./operated-store.ts");
  return openOperatedStore(location, sealer);
}

/**
 * Keeps an embedded store to this process: what lives in a gateway's memory, another one on the same file would not know.
 * PostgreSQL takes any number. Returns what lets go of it.
 * @throws GatewayError `conflict` where another process holds it
 */
export async function holdStore(location: StoreLocation): Promise<() => void> {
  if (location.kind !== "sqlite") return () => {};
  const { holdSqlite } = await import("./sqlite/hold.ts");
  return holdSqlite(location.path);
}

/**
 * Opens the journal's way into a migrated store. Call it in the drain's own thread: with SQLite it writes on the thread
 * it is called in.
 */
export async function openRecordSink(location: StoreLocation): Promise<RecordSink> {
  if (location.kind === "sqlite") {
    const { SqliteRecordSink } = await import("./sqlite/record-sink.ts");
    return new SqliteRecordSink(location);
  }
  const { PostgresRecordSink } = await import("./postgres/record-sink.ts");
  return new PostgresRecordSink(location);
}
