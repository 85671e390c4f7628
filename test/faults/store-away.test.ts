import { expect, test } from "bun:test";
import { postgresDatabase } from "../servers/postgres.ts";
import { behindValve } from "./outage.ts";
import { confirmedRound, storeAwayRound } from "./store-away-round.ts";

/** What a store away may add to a call, and a shared machine's own noise; test/long holds the promise itself. */
const P99_MS_MAX = 150;

for (const away of ["frozen", "gone"] as const) {
  for (const durability of ["standard", "strict"] as const) {
    test(`PostgreSQL ${away}, ${durability}: calls of a known caller go on, and nothing is lost or doubled`, async () => {
      const database = await postgresDatabase();
      if (database === undefined) return;
      const outage = await behindValve(database.url, away);
      const round = { outage, databaseUrl: database.url, durability, beforeMs: 500, awayMs: 4_000 };
      try {
        const figures = await storeAwayRound(round);
        expect(figures.callsWhileAway).toBeGreaterThan(500);
        expect(figures.p99Away).toBeLessThan(P99_MS_MAX);
      } finally {
        await outage.stop();
        await database.drop();
      }
    });
  }

  test(`PostgreSQL ${away}, calls wait for it: 503 within 2 s, no server sees them, and nothing is lost or doubled`, async () => {
    const database = await postgresDatabase();
    if (database === undefined) return;
    const outage = await behindValve(database.url, away);
    try {
      await confirmedRound({ outage, databaseUrl: database.url, beforeMs: 500, awayMs: 4_000 });
    } finally {
      await outage.stop();
      await database.drop();
    }
  });
}
