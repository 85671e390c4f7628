import type { Kysely } from "kysely";
import type { ColumnTypes } from "../engine.ts";
import type { Schema } from "../schema.ts";

/** One step of the schema, for both dialects. Runs in the transaction that also records it. Never edited once released. */
export interface Migration {
  /** `NNNN-noun`; the order of application. */
  readonly name: string;
  up(db: Kysely<Schema>, columns: ColumnTypes): Promise<void>;
  down(db: Kysely<Schema>, columns: ColumnTypes): Promise<void>;
}
