import type { Kysely } from "kysely";
import type { SigningKeys } from "../model/ports/identities.ts";
import type { RotatingSealer } from "../model/ports/sealer.ts";
import { instant } from "./instant.ts";
import type { Schema } from "./schema.ts";
import { SEALING_PURPOSE, sealingContext } from "./servers.ts";

export function signingKeyStore(db: Kysely<Schema>, sealer: RotatingSealer): SigningKeys {
  const context = (id: string) => sealingContext("signing_keys", id, "private_key");
  return {
    list: async (now) => {
      const rows = await db
        .selectFrom("signingKeys")
        .selectAll()
        .where("retiresAt", ">", instant(now))
        .orderBy("createdAt", "desc")
        .execute();
      return rows.map(({ privateKey, ...key }) => ({
        ...key,
        privateKey: sealer.open(SEALING_PURPOSE, privateKey, context(key.id)) ?? null,
      }));
    },
    add: async ({ privateKey, createdAt, retiresAt, ...key }) => {
      await db
        .insertInto("signingKeys")
        .values({
          ...key,
          privateKey: sealer.seal(SEALING_PURPOSE, privateKey, context(key.id)),
          createdAt: new Date(createdAt),
          retiresAt: new Date(retiresAt),
        })
        .execute();
    },
  };
}
