import { type Kysely, sql } from "kysely";
import type { RotatingSealer } from "../model/ports/sealer.ts";
import type { Schema } from "./schema.ts";
import { SEALING_PURPOSE, sealingContext } from "./servers.ts";

/** Every sealed column of the store. A new one is added here in the change that makes it. */
const sealedColumns = [
  { table: "mcp_servers", key: "id", column: "environment" },
  { table: "mcp_servers", key: "id", column: "headers" },
  { table: "mcp_servers", key: "id", column: "auth" },
  { table: "virtual_servers", key: "id", column: "auth" },
  { table: "idempotency_keys", key: "id", column: "answer" },
  { table: "signing_keys", key: "id", column: "private_key" },
  { table: "settings", key: "name", column: "value" },
] as const;

const BATCH_ROWS = 500;

/**
 * Seals again under the first master key whatever another one sealed. May run beside a serving gateway and be repeated:
 * a row that was written meanwhile is left as it is. Values that no configured key opens stay and are counted.
 */
export async function resealAll(
  db: Kysely<Schema>,
  sealer: RotatingSealer,
): Promise<{ resealed: number; unreadable: number }> {
  let resealed = 0;
  let unreadable = 0;
  for (const { table, key, column } of sealedColumns) {
    const [keyName, columnName, tableName] = [sql.id(key), sql.id(column), sql.id(table)];
    const isSealed = table === "settings" ? sql`and is_sealed = ${true}` : sql``;
    let after = table === "settings" ? "" : "00000000-0000-0000-0000-000000000000";
    for (;;) {
      const { rows } = await sql<{ key: string; value: string }>`
        select ${keyName} as key, ${columnName} as value from ${tableName}
        where ${columnName} is not null and ${keyName} > ${after} ${isSealed}
        order by ${keyName} limit ${sql.lit(BATCH_ROWS)}`.execute(db);
      for (const row of rows) {
        if (sealer.keyIdOf(row.value) === sealer.keyId) continue;
        const context = sealingContext(table, row.key, column);
        const text = sealer.open(SEALING_PURPOSE, row.value, context);
        if (text === undefined) {
          unreadable++;
          continue;
        }
        const { numAffectedRows = 0n } = await sql`update ${tableName}
          set ${columnName} = ${sealer.seal(SEALING_PURPOSE, text, context)}
          where ${keyName} = ${row.key} and ${columnName} = ${row.value}`.execute(db);
        resealed += Number(numAffectedRows);
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < BATCH_ROWS) break;
      after = last.key;
    }
  }
  return { resealed, unreadable };
}
