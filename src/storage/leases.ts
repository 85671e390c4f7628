import { type Kysely, sql } from "kysely";
import type { Leases } from "../model/ports/store.ts";
import type { Engine } from "./engine.ts";
import type { Schema } from "./schema.ts";

export function leaseStore(db: Kysely<Schema>, fromNow: Engine["fromNow"]): Leases {
  return {
    acquire: async (name, holder, ttlMs) => {
      const row = await db
        .insertInto("leases")
        .values({ name, holder, generation: 1, expiresAt: fromNow(ttlMs) })
        .onConflict((conflict) =>
          conflict
            .column("name")
            .doUpdateSet({
              holder,
              generation: sql<number>`case when leases.holder = excluded.holder then leases.generation else leases.generation + 1 end`,
              expiresAt: fromNow(ttlMs),
            })
            .where(({ or, eb }) =>
              or([
                eb("leases.holder", "=", holder),
                eb("leases.expiresAt", "<=", fromNow(0).$castTo<number>()),
              ]),
            ),
        )
        .returning("generation")
        .executeTakeFirst();
      return row && { name, holder, generation: row.generation };
    },
    renew: async ({ name, holder, generation }, ttlMs) => {
      const { numUpdatedRows } = await db
        .updateTable("leases")
        .set({ expiresAt: fromNow(ttlMs) })
        .where("name", "=", name)
        .where("holder", "=", holder)
        .where("generation", "=", generation)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
    // The row stays, so that the next holder's generation is higher.
    release: async ({ name, holder, generation }) => {
      await db
        .updateTable("leases")
        .set({ holder: "", expiresAt: fromNow(0) })
        .where("name", "=", name)
        .where("holder", "=", holder)
        .where("generation", "=", generation)
        .execute();
    },
  };
}
