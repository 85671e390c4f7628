import { type Kysely, sql, type Transaction } from "kysely";
import type { Schema } from "./schema.ts";

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
  write: (transaction: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (transaction) => {
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
