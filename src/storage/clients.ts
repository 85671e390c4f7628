import type { Kysely } from "kysely";
import type { Clients } from "../model/ports/identities.ts";
import type { AcrossTenants } from "../model/ports/store.ts";
import { credentialWrite } from "./config-version.ts";
import { instant } from "./instant.ts";
import { checked, jsonMap } from "./json-column.ts";
import type { Schema } from "./schema.ts";

export function clientStore(db: Kysely<Schema>, { apiKeyById }: Pick<AcrossTenants, "apiKeyById">): Clients {
  return {
    register: async (organizationId, keyId, jwks) => {
      const set = { jwks: checked(jsonMap, "jwks", JSON.parse(jwks)), createdAt: new Date() };
      await credentialWrite(db, organizationId, async (transaction) => {
        const owned = await transaction
          .selectFrom("apiKeys")
          .select("id")
          .where("organizationId", "=", organizationId)
          .where("id", "=", keyId)
          .executeTakeFirst();
        if (owned === undefined) return false;
        await transaction
          .insertInto("clientKeySets")
          .values({ apiKeyId: keyId, ...set })
          .onConflict((conflict) => conflict.column("apiKeyId").doUpdateSet(set))
          .execute();
        return true;
      });
    },
    find: async (keyId) => {
      const row = await db
        .selectFrom("clientKeySets")
        .select("jwks")
        .where("apiKeyId", "=", keyId)
        .executeTakeFirst();
      const identity = row && (await apiKeyById(keyId));
      return row && identity && { identity, jwks: JSON.stringify(row.jwks) };
    },
    firstUse: async (assertionId, expiresAt, now) => {
      await db.deleteFrom("usedAssertions").where("expiresAt", "<", instant(now)).execute();
      const { numInsertedOrUpdatedRows = 0n } = await db
        .insertInto("usedAssertions")
        .values({ id: assertionId, expiresAt: new Date(expiresAt) })
        .onConflict((conflict) => conflict.column("id").doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows > 0n;
    },
  };
}
