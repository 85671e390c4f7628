import { expect } from "bun:test";
import { join } from "node:path";
import type { Durability } from "../../src/model/ports/journal.ts";
import type { StoreLocation } from "../../src/storage/location.ts";
import { eventually } from "../e2e/child.ts";
import { startGateway } from "../e2e/gateway.ts";
import { fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { postgresDatabase } from "../servers/postgres.ts";
import { type KeptCalls, readJournal, readStore } from "./kept-records.ts";
import { type CallEnd, digestOf, noncesSeen, startLoad } from "./load.ts";
import { restart, untilConnected } from "./restarted.ts";

const CONNECTIONS = 32;
/** Some calls take this long, so that a death always finds calls under way at the server. */
const HELD_MS = 150;

export interface Lives {
  readonly durability: Durability;
  readonly store: "sqlite" | "postgres";
  /** How many lives end by SIGKILL; one more, ended in order, delivers what they left. */
  readonly rounds: number;
}

/**
 * Kills a gateway under load again and again, then holds together what the server saw, what the clients got, what the
 * files say and what the store says. @returns how many calls were answered; `undefined` where there is no PostgreSQL
 */
export async function killUnderLoad(lives: Lives): Promise<number | undefined> {
  const database = lives.store === "postgres" ? await postgresDatabase() : undefined;
  if (lives.store === "postgres" && database === undefined) return undefined;
  const upstream = await startEcho("modern");
  const gateway = await startGateway({
    servers: [fixtureEntry("echo", upstream, "streamable-http")],
    settings: {
      audit: { durability: lives.durability, journal: { retain: "1h" } },
      ...(database !== undefined && { store: { url: database.url, migrate: "auto" } }),
    },
  });
  const url = gateway.mcpUrl("echo");
  let child = gateway.child;
  const ends: CallEnd[] = [];
  try {
    for (let round = 0; round < lives.rounds; round++) {
      await untilConnected(gateway, ["echo"]);
      const load = startLoad(url, { connections: CONNECTIONS });
      const held = startLoad(url, { connections: 4, ms: HELD_MS });
      await eventually("the load runs", () =>
        load.ends.length > 2 * CONNECTIONS && held.ends.length > 0 ? true : undefined,
      );
      await Bun.sleep(Math.random() * 250);
      child.kill("SIGKILL");
      await child.exited;
      ends.push(...(await load.stop()), ...(await held.stop()));
      child = await restart(gateway);
    }
    const seen = await noncesSeen(upstream);
    await child.stop(30_000);
    expect(await child.exited).toBe(0);
    expect([...seen].filter(([, times]) => times > 1)).toEqual([]);

    const journalDir = join(gateway.folder, "data/journal");
    const files = readJournal(journalDir);
    expectBothEquations(files, ends, seen);
    const stored = await readStore(locationOf(gateway.folder, database?.url), journalDir);
    expect(stored.problems).toEqual([]);
    expect(stored.records).toBe(files.records);
    expectBothEquations(stored, ends, seen);
    expect(await gateway.run("audit", "verify")).toContain("Verified");
    return ends.filter(({ end }) => end === "ok").length;
  } finally {
    await child.stop();
    await gateway.stop();
    await upstream.stop();
    await database?.drop();
  }
}

function locationOf(folder: string, url: string | undefined): StoreLocation {
  if (url === undefined) return { kind: "sqlite", path: join(folder, "data/gateway.db") };
  return {
    kind: "postgres",
    url,
    poolMax: 2,
    connectTimeoutMs: 10_000,
    idleTimeoutMs: 0,
    statementTimeoutMs: 30_000,
  };
}

/** Seen without intent: none. Answered without that outcome: none. Begun and never ended: none. Ended twice: none. */
function expectBothEquations(
  kept: KeptCalls,
  ends: readonly CallEnd[],
  seen: ReadonlyMap<string, number>,
): void {
  const callsOf = (nonce: string) =>
    kept.callsByDigest.get(digestOf(nonce)) ?? kept.callsByDigest.get(digestOf(nonce, HELD_MS)) ?? [];
  const seenWithoutIntent = [...seen.keys()].filter((nonce) => callsOf(nonce).length === 0);
  expect(seenWithoutIntent).toEqual([]);
  const answeredWithoutOutcome = ends.filter(({ nonce, end }) => {
    if (end !== "ok") return false;
    return !callsOf(nonce).some((id) => kept.endsByCall.get(id)?.[0] === "ok");
  });
  expect(answeredWithoutOutcome).toEqual([]);
  const calls = [...kept.callsByDigest.values()].flat();
  expect(calls.filter((id) => (kept.endsByCall.get(id)?.length ?? 0) !== 1)).toEqual([]);
  expect([...kept.callsByDigest.values()].filter((ids) => ids.length > 1)).toEqual([]);
  const unknown = calls.filter((id) => kept.endsByCall.get(id)?.[0] === "unknown");
  // Whoever was not answered has no other end than these: the call that was under way when the process died.
  expect(unknown.length).toBeGreaterThan(0);
}
