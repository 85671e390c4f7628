import { type Kysely, sql, type Transaction } from "kysely";
import type { Schema } from "./schema.ts";

/**
 * Writes of one organisation queue at its row, first of all: what a write reads there nobody else changes until it is
 * done, and all take their locks in one order (organisation, its rows, the counters), so that none waits in a circle.
 */
async function queue(transaction: Transaction<Schema>, organizationId: string): Promise<void> {
  await transaction
    .updateTable("organizations")
    .set({ configVersion: sql<number>`config_version` })
    .where("id", "=", organizationId)
    .execute();
}

/**
 * Runs a write of configuration and counts it in the same transaction, for the organisation it touches. A write that
 * changed nothing (`undefined`, `false`) is not counted.
 */
export function configWrite<T>(
  db: Kysely<Schema>,
  organizationId: string | undefined,
  write: (transaction: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (transaction) => {
    if (organizationId !== undefined) await queue(transaction, organizationId);
    const result = await write(transaction);
    if (result === undefined || result === false) return result;
    const { configVersion } = await transaction
      .updateTable("configState")
      .set({ configVersion: sql<number>`config_version + 1` })
      .returning("configVersion")
      .executeTakeFirstOrThrow();
    if (organizationId !== undefined) {
      await transaction
        .updateTable("organizations")
        .set({ configVersion })
        .where("id", "=", organizationId)
        .execute();
    }
    return result;
  });
}

/** The same for what the cached principals come from. */
export function credentialWrite<T>(
  db: Kysely<Schema>,
  organizationId: string,
  write: (transaction: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (transaction) => {
    await queue(transaction, organizationId);
    const result = await write(transaction);
    if (result !== undefined && result !== false) await countCredentialWrite(transaction);
    return result;
  });
}

export async function countCredentialWrite(transaction: Transaction<Schema>): Promise<void> {
  await transaction
    .updateTable("configState")
    .set({ credentialVersion: sql<number>`credential_version + 1` })
    .execute();
}

/** A change as it is given, or worked out from the row as it is now. */
export function changeOf<Row, Change extends object>(
  change: Change | ((row: Row) => Change),
  row: Row,
): Change {
  return typeof change === "function" ? change(row) : change;
}
