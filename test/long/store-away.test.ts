import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { behindValve, bySignal, type Outage } from "../faults/outage.ts";
import { confirmedRound, storeAwayRound } from "../faults/store-away-round.ts";
import { postgresDatabase, privatePostgres } from "../servers/postgres.ts";
import type { PrivateServer } from "../servers/program.ts";

const AWAY_MS = 30_000;
const BEFORE_MS = 5_000;
/** What a frozen store may add to a call. */
const ADDED_MS_MAX = 50;

describe("PostgreSQL away for 30 s under load", () => {
  let cluster: PrivateServer | undefined;
  beforeAll(async () => {
    cluster = await privatePostgres();
  });
  afterAll(() => cluster?.stop());

  const outages: Record<string, (server: PrivateServer, url: string) => Outage | Promise<Outage>> = {
    "frozen by SIGSTOP": bySignal,
    gone: (_, url) => behindValve(url, "gone"),
  };
  for (const [name, outageOf] of Object.entries(outages)) {
    for (const durability of ["standard", "strict"] as const) {
      test(`${name}, ${durability}: no call of a known caller fails or takes ${ADDED_MS_MAX} ms longer`, async () => {
        if (cluster === undefined) return;
        const database = await postgresDatabase(cluster);
        if (database === undefined) return;
        const outage = await outageOf(cluster, database.url);
        const times = { beforeMs: BEFORE_MS, awayMs: AWAY_MS };
        try {
          const figures = await storeAwayRound({ outage, databaseUrl: database.url, durability, ...times });
          console.log(`store away, ${name}, ${durability}:`, figures);
          expect(figures.p99Away - figures.p99Before).toBeLessThanOrEqual(ADDED_MS_MAX);
        } finally {
          await outage.stop();
          await database.drop();
        }
      }, 240_000);
    }

    test(`${name}, calls wait for it: 503 within 2 s, no server sees them`, async () => {
      if (cluster === undefined) return;
      const database = await postgresDatabase(cluster);
      if (database === undefined) return;
      const outage = await outageOf(cluster, database.url);
      const times = { beforeMs: BEFORE_MS, awayMs: AWAY_MS };
      try {
        const figures = await confirmedRound({ outage, databaseUrl: database.url, ...times });
        console.log(`store away, ${name}, calls wait for it:`, figures);
      } finally {
        await outage.stop();
        await database.drop();
      }
    }, 240_000);
  }
});
