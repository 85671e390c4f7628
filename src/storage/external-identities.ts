import type { Kysely } from "kysely";
import type { ExternalIdentities } from "../model/ports/identities.ts";
import type { Schema } from "./schema.ts";

export function externalIdentityStore(db: Kysely<Schema>): ExternalIdentities {
  return {
    userOf: async (organizationId, issuer, subject) => {
      const row = await db
        .selectFrom("externalIdentities")
        .select("userId")
        .where("organizationId", "=", organizationId)
        .where("issuer", "=", issuer)
        .where("subject", "=", subject)
        .executeTakeFirst();
      return row?.userId;
    },
    link: async (organizationId, issuer, subject, userId) => {
      await db
        .insertInto("externalIdentities")
        .values({ id: Bun.randomUUIDv7(), organizationId, userId, issuer, subject, createdAt: new Date() })
        .execute();
    },
  };
}
