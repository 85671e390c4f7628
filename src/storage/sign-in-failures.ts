import { type Kysely, sql } from "kysely";
import type { SignInFailures } from "../model/ports/identities.ts";
import { instant } from "./instant.ts";
import type { Schema } from "./schema.ts";

/** One row each statement, so that none waits in a circle with what forgets many. */
export function signInFailureStore(db: Kysely<Schema>): SignInFailures {
  return {
    count: async (subject, now, since) => {
      const isOver = sql<boolean>`sign_in_failures.started_at <= ${instant(since)}`;
      await db
        .insertInto("signInFailures")
        .values({ subject, startedAt: new Date(now), failures: 1 })
        .onConflict((conflict) =>
          conflict.column("subject").doUpdateSet({
            failures: sql<number>`case when ${isOver} then 1 else sign_in_failures.failures + 1 end`,
            startedAt: sql<Date>`case when ${isOver} then excluded.started_at else sign_in_failures.started_at end`,
          }),
        )
        .execute();
    },
    of: (subjects, since) =>
      db
        .selectFrom("signInFailures")
        .selectAll()
        .where("subject", "in", [...subjects])
        .where("startedAt", ">", instant(since))
        .execute(),
    forget: async (until) => {
      await db.deleteFrom("signInFailures").where("startedAt", "<=", instant(until)).execute();
    },
  };
}
