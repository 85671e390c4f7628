import type { Kysely } from "kysely";
import type { PeerRows } from "../model/ports/store.ts";
import type { Engine } from "./engine.ts";
import type { Schema } from "./schema.ts";

export function peerStore(db: Kysely<Schema>, fromNow: Engine["fromNow"]): PeerRows {
  return {
    seen: async (peer) => {
      await db
        .insertInto("peers")
        .values({ ...peer, seenAt: fromNow(0) })
        .onConflict((conflict) => conflict.column("id").doUpdateSet({ seenAt: fromNow(0) }))
        .execute();
    },
    living: (withinMs) =>
      db
        .selectFrom("peers")
        .select(["id", "replica", "address", "socketPath"])
        .where("seenAt", ">", fromNow(-withinMs).$castTo<number>())
        .orderBy("id")
        .execute(),
    remove: async (id) => {
      await db.deleteFrom("peers").where("id", "=", id).execute();
    },
    removeUnseen: async (sinceMs) => {
      await db.deleteFrom("peers").where("seenAt", "<=", fromNow(-sinceMs).$castTo<number>()).execute();
    },
  };
}
