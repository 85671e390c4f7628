import { type Kysely, sql } from "kysely";
import type { TokenFamilies } from "../model/ports/identities.ts";
import { credentialWrite } from "./config-version.ts";
import { instant } from "./instant.ts";
import type { Schema } from "./schema.ts";

export function tokenFamilyStore(db: Kysely<Schema>): TokenFamilies {
  return {
    begin: async ({ createdAt, expiresAt, ...family }) => {
      const now = new Date(createdAt);
      await db
        .insertInto("tokenFamilies")
        .values({
          ...family,
          generation: 1,
          createdAt: now,
          lastUsedAt: now,
          expiresAt: new Date(expiresAt),
          revokedAt: null,
        })
        .execute();
    },
    rotate: async (organizationId, id, generation, now) => {
      const { numUpdatedRows } = await db
        .updateTable("tokenFamilies")
        .set({ generation: sql<number>`generation + 1`, lastUsedAt: new Date(now) })
        .where("organizationId", "=", organizationId)
        .where("id", "=", id)
        .where("generation", "=", generation)
        .where("revokedAt", "is", null)
        .where("expiresAt", ">", instant(now))
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
    find: (organizationId, id) =>
      db
        .selectFrom("tokenFamilies")
        .selectAll()
        .where("organizationId", "=", organizationId)
        .where("id", "=", id)
        .executeTakeFirst(),
    revoke: (organizationId, id, at) =>
      credentialWrite(db, organizationId, async (transaction) => {
        const { numUpdatedRows } = await transaction
          .updateTable("tokenFamilies")
          .set({ revokedAt: new Date(at) })
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .where("revokedAt", "is", null)
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      }),
    revokeAll: async (organizationId, userId, at, exceptId) => {
      await credentialWrite(db, organizationId, async (transaction) => {
        let query = transaction
          .updateTable("tokenFamilies")
          .set({ revokedAt: new Date(at) })
          .where("organizationId", "=", organizationId)
          .where("userId", "=", userId)
          .where("revokedAt", "is", null);
        if (exceptId !== undefined) query = query.where("id", "!=", exceptId);
        return (await query.executeTakeFirst()).numUpdatedRows > 0n;
      });
    },
    // Duties of the whole installation: whose they are makes no difference.
    removeEnded: async (before) => {
      await db.deleteFrom("tokenFamilies").where("expiresAt", "<", instant(before)).execute();
    },
  };
}
