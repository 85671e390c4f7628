import type { Kysely, RawBuilder } from "kysely";
import type { CallTable } from "./call-table.ts";
import type { Schema } from "./schema.ts";

/** What differs between the two dialects; everything else is written once. */
export interface Engine {
  readonly kind: "sqlite" | "postgres";
  readonly db: Kysely<Schema>;
  /**
   * For queries that may look at much of a table: SELECTs alone. With SQLite a thread of its own answers them, beside the event
   * loop and the transactions of `db`; with PostgreSQL it is `db`.
   */
  readonly reads: Kysely<Schema>;
  /** Longest a query over the record may take, its wait for a turn included. */
  readonly readMsMax: number;
  readonly columns: ColumnTypes;
  readonly calls: CallTable;
  /** The store's own clock, so that processes with different clocks agree, plus some milliseconds. */
  fromNow(ms: number): RawBuilder<Date>;
  /** Held until the transaction it is called in ends. */
  lockMigrations(transaction: Kysely<Schema>): Promise<void>;
  /** Makes the partitions of the log tables from the day of `now` on; nothing where there are none. */
  partitionLogs(now: number): Promise<void>;
  close(): Promise<void>;
}

/** Column types and table endings for migrations. */
export interface ColumnTypes {
  readonly kind: Engine["kind"];
  readonly uuid: RawBuilder<unknown>;
  readonly text: RawBuilder<unknown>;
  readonly integer: RawBuilder<unknown>;
  readonly bigint: RawBuilder<unknown>;
  readonly real: RawBuilder<unknown>;
  readonly flag: RawBuilder<unknown>;
  readonly time: RawBuilder<unknown>;
  readonly json: RawBuilder<unknown>;
  readonly tableEnd: RawBuilder<unknown>;
  /** A table partitioned by day over a time column, where the dialect can. */
  dailyTableEnd(timeColumn: string): RawBuilder<unknown>;
  /** After such a table was made: the partition for times nobody foresaw. */
  readonly defaultPartition: ((table: string) => RawBuilder<unknown>) | undefined;
}
