import { expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../e2e/child.ts";
import { startGateway } from "../e2e/gateway.ts";
import { fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { postgresDatabase } from "../servers/postgres.ts";
import { readJournal, readStore } from "./kept-records.ts";
import { call, digestOf, noncesSeen, p99, startLoad, tally } from "./load.ts";
import { untilConnected } from "./restarted.ts";
import { startValve } from "./valve.ts";

const AWAY_MS = 4_000;
/** What a store away may add to a call, and a shared machine's own noise. */
const P99_MS_MAX = 150;

for (const away of ["frozen", "gone"] as const) {
  for (const durability of ["standard", "strict"] as const) {
    test(`PostgreSQL ${away}, ${durability}: calls of a known caller go on, and nothing is lost or doubled`, async () => {
      const database = await postgresDatabase();
      if (database === undefined) return;
      const direct = new URL(database.url);
      const valve = await startValve({ host: direct.hostname, port: Number(direct.port) });
      const through = new URL(database.url);
      through.hostname = "127.0.0.1";
      through.port = String(valve.port);
      const echo = await startEcho("modern");
      const gateway = await startGateway({
        servers: [fixtureEntry("echo", echo, "streamable-http")],
        anonymous: false,
        settings: {
          store: { url: through.href, migrate: "auto" },
          audit: { durability, journal: { retain: "1h" } },
        },
      });
      try {
        const key = await gateway.mintKey("--name", "load", "--role", "admin");
        await untilConnected(gateway, ["echo"], key);
        const url = gateway.mcpUrl("echo");
        const load = startLoad(url, { connections: 8, pauseMs: 5, key });
        await Bun.sleep(500);
        valve.turn(away);
        await Bun.sleep(AWAY_MS);
        const whileAway = load.ends.length;
        valve.turn("open");
        await Bun.sleep(500);
        const ends = await load.stop();
        expect(tally(ends)).toEqual({ ok: ends.length });
        expect(whileAway).toBeGreaterThan(500);
        expect(p99(ends)).toBeLessThan(P99_MS_MAX);

        // Normal within 5 s: a key nobody has seen yet needs the store.
        await eventually(
          "the store is used again",
          () => gateway.mintKey("--name", "later").catch(() => undefined),
          {
            timeoutMs: 5_000,
          },
        );
        expect(await call(url, crypto.randomUUID(), { key })).toMatchObject({ end: "ok" });
        const seen = await noncesSeen(echo);
        expect([...seen.values()].every((times) => times === 1)).toBe(true);
        expect(await gateway.child.stop(30_000).then(() => gateway.child.exited)).toBe(0);

        const journalDir = join(gateway.folder, "data/journal");
        const files = readJournal(journalDir);
        const stored = await readStore(
          {
            kind: "postgres",
            url: database.url,
            poolMax: 2,
            connectTimeoutMs: 10_000,
            idleTimeoutMs: 0,
            statementTimeoutMs: 30_000,
          },
          journalDir,
        );
        expect(stored.problems).toEqual([]);
        expect(stored.records).toBe(files.records);
        for (const kept of [files, stored]) {
          const ended = [...seen.keys()].map((nonce) =>
            (kept.callsByDigest.get(digestOf(nonce)) ?? [])
              .map((id) => kept.endsByCall.get(id)?.join())
              .join(),
          );
          expect(ended.filter((statuses) => statuses !== "ok")).toEqual([]);
        }
      } finally {
        await gateway.stop();
        await valve.stop();
        await echo.stop();
        await database.drop();
      }
    });
  }
}
