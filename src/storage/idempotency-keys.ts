import type { Kysely } from "kysely";
import type { RotatingSealer } from "../model/ports/sealer.ts";
import type { IdempotencyKeys } from "../model/ports/store.ts";
import { instant } from "./instant.ts";
import type { Schema } from "./schema.ts";
import { SEALING_PURPOSE, sealingContext } from "./servers.ts";

/** Answers are sealed, because an answer may hold a secret that is shown once. */
export function idempotencyKeyStore(db: Kysely<Schema>, sealer: RotatingSealer): IdempotencyKeys {
  const contextOf = (id: string) => sealingContext("idempotency_keys", id, "answer");
  return {
    claim: async ({ id, organizationId, principalId, name, digest, at }) => {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto("idempotencyKeys")
        .values({ id, organizationId, principalId, name, digest, answer: null, createdAt: new Date(at) })
        .onConflict((conflict) => conflict.columns(["organizationId", "principalId", "name"]).doNothing())
        .executeTakeFirst();
      if (numInsertedOrUpdatedRows === 1n) return { state: "claimed" };
      const row = await db
        .selectFrom("idempotencyKeys")
        .select(["id", "digest", "answer"])
        .where("organizationId", "=", organizationId)
        .where("principalId", "=", principalId)
        .where("name", "=", name)
        .executeTakeFirst();
      if (row !== undefined && row.digest !== digest) return { state: "other_request" };
      const answer =
        row?.answer == null ? undefined : sealer.open(SEALING_PURPOSE, row.answer, contextOf(row.id));
      // Gone between the two statements, under way, or sealed with a key nobody has any more: not to be run by this request.
      return answer === undefined ? { state: "unanswered" } : { state: "answered", answer };
    },
    answer: async (id, answer) => {
      const sealed = sealer.seal(SEALING_PURPOSE, answer, contextOf(id));
      await db.updateTable("idempotencyKeys").set({ answer: sealed }).where("id", "=", id).execute();
    },
    release: async (id) => {
      await db.deleteFrom("idempotencyKeys").where("id", "=", id).where("answer", "is", null).execute();
    },
    forget: async (before, limit) => {
      const { numDeletedRows } = await db
        .deleteFrom("idempotencyKeys")
        .where("id", "in", (select) =>
          select
            .selectFrom("idempotencyKeys")
            .select("id")
            .where("createdAt", "<", instant(before))
            .limit(limit),
        )
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}
