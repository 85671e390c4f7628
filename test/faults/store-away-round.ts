import { expect } from "bun:test";
import { join } from "node:path";
import { eventually } from "../e2e/child.ts";
import { bootstrapKey, type Gateway, startGateway } from "../e2e/gateway.ts";
import { type EchoUpstream, fixtureEntry, startEcho } from "../e2e/upstreams.ts";
import { type KeptCalls, readJournal, readStore } from "./kept-records.ts";
import { type CallEnd, call, codes, digestOf, noncesSeen, p99, startLoad, tally } from "./load.ts";
import type { Outage } from "./outage.ts";
import { untilConnected } from "./restarted.ts";

const CONNECTIONS = 8;
const PAUSE_MS = 5;
const UNKNOWN_MS_MAX = 2_000;
const NORMAL_MS_MAX = 5_000;
const DRAINED_MS_MAX = 60_000;

export interface StoreAwayOptions {
  readonly outage: Outage;
  /** The store's own URL, past the outage. */
  readonly databaseUrl: string;
  readonly durability: "standard" | "strict";
  readonly beforeMs: number;
  readonly awayMs: number;
}

/** What a round measured; durations in milliseconds. */
export interface StoreAwayFigures {
  readonly calls: number;
  readonly callsWhileAway: number;
  readonly p99Before: number;
  readonly p99Away: number;
  readonly slowestAway: number;
  /** Longest time until a caller nobody knows yet was told 503. */
  readonly unknownMsMax: number;
  /** From the store's return until a caller nobody knew was served. */
  readonly normalAfter: number;
  readonly drainedAfter: number;
  readonly records: number;
}

/**
 * One outage of the store under load. Expects what holds however slow the machine is: no call of a known caller fails, one
 * nobody knows gets 503 within 2 s, all is normal within 5 s of the return, and nothing is lost or doubled.
 */
export async function storeAwayRound(options: StoreAwayOptions): Promise<StoreAwayFigures> {
  const { outage, databaseUrl, durability, beforeMs, awayMs } = options;
  const echo = await startEcho("modern");
  const gateway = await startBehind(outage, echo, { durability });
  try {
    const key = await gateway.mintKey("--name", "load", "--role", "admin");
    const unused = await gateway.mintKey("--name", "later", "--role", "admin");
    await untilConnected(gateway, ["echo"], key);
    const url = gateway.mcpUrl("echo");
    const load = startLoad(url, { connections: CONNECTIONS, pauseMs: PAUSE_MS, key });
    await Bun.sleep(beforeMs);
    const before = load.ends.length;
    outage.begin();
    const begunAt = performance.now();
    const unknown: CallEnd[] = [];
    while (performance.now() - begunAt < awayMs) {
      unknown.push(await call(url, crypto.randomUUID(), { key: unused }));
      await Bun.sleep(500);
    }
    const away = load.ends.slice(before);
    outage.end();
    const backAt = performance.now();
    const first = await eventually(
      "a caller nobody knew is served",
      async () => {
        const end = await call(url, crypto.randomUUID(), { key: unused });
        return end.end === "ok" ? end : undefined;
      },
      { timeoutMs: NORMAL_MS_MAX },
    );
    const normalAfter = performance.now() - backAt;
    const ends = await load.stop();
    expect(tally(ends)).toEqual({ ok: ends.length });
    expect(unknown.map(({ status }) => status)).toEqual(unknown.map(() => 503));
    const unknownMsMax = Math.max(...unknown.map(({ durationMs }) => durationMs));
    expect(unknownMsMax).toBeLessThan(UNKNOWN_MS_MAX);
    await untilDrained(gateway);
    const drainedAfter = performance.now() - backAt;
    const records = await expectEveryRecord(gateway, echo, databaseUrl, first);
    return {
      calls: ends.length,
      callsWhileAway: away.length,
      p99Before: p99(load.ends.slice(0, before)),
      p99Away: p99(away),
      slowestAway: Math.max(...away.map(({ durationMs }) => durationMs)),
      unknownMsMax,
      normalAfter,
      drainedAfter,
      records,
    };
  } finally {
    await gateway.stop();
    await echo.stop();
  }
}

/** What a round of calls that wait for the store measured; durations in milliseconds. */
export interface ConfirmedFigures {
  readonly calls: number;
  readonly refusedWhileAway: number;
  readonly refusalMsMax: number;
  readonly p99Before: number;
  readonly normalAfter: number;
  readonly records: number;
}

/**
 * The same where calls wait until the store has their intent (`audit.confirm: store`): while it is away every call gets
 * 503 within 2 s and no server sees it; all is normal within 5 s of the return, and nothing is lost or doubled.
 */
export async function confirmedRound(
  options: Omit<StoreAwayOptions, "durability">,
): Promise<ConfirmedFigures> {
  const { outage, databaseUrl, beforeMs, awayMs } = options;
  const echo = await startEcho("modern");
  const gateway = await startBehind(outage, echo, { durability: "strict", confirm: "store" });
  try {
    const key = await gateway.mintKey("--name", "load", "--role", "admin");
    await untilConnected(gateway, ["echo"], key);
    const url = gateway.mcpUrl("echo");
    const load = startLoad(url, { connections: CONNECTIONS, pauseMs: PAUSE_MS, key });
    await Bun.sleep(beforeMs);
    const before = load.ends.slice();
    expect(tally(before)).toEqual({ ok: before.length });
    outage.begin();
    // A call whose intent the store had just before may still be answered.
    await Bun.sleep(UNKNOWN_MS_MAX);
    const from = load.ends.length;
    await Bun.sleep(awayMs - UNKNOWN_MS_MAX);
    const away = load.ends.slice(from);
    outage.end();
    const backAt = performance.now();
    const last = await eventually(
      "calls are served again",
      async () => {
        const end = await call(url, crypto.randomUUID(), { key });
        return end.end === "ok" ? end : undefined;
      },
      { timeoutMs: NORMAL_MS_MAX },
    );
    const normalAfter = performance.now() - backAt;
    await Bun.sleep(500);
    const ends = await load.stop();
    expect(away.length).toBeGreaterThan(0);
    expect(tally(away)).toEqual({ [codes.journalUnavailable]: away.length });
    expect(new Set(away.map(({ status }) => status))).toEqual(new Set([503]));
    const refused = ends.filter(({ end }) => end !== "ok");
    expect(new Set(refused.map(({ end }) => end))).toEqual(new Set([codes.journalUnavailable]));
    const refusalMsMax = Math.max(...refused.map(({ durationMs }) => durationMs));
    expect(refusalMsMax).toBeLessThan(UNKNOWN_MS_MAX);
    const seen = await noncesSeen(echo);
    expect(refused.filter(({ nonce }) => seen.has(nonce))).toEqual([]);
    expect(ends.filter(({ nonce, end }) => end === "ok" && !seen.has(nonce))).toEqual([]);
    await untilDrained(gateway);
    const records = await expectEveryRecord(gateway, echo, databaseUrl, last);
    return {
      calls: ends.length,
      refusedWhileAway: refused.length,
      refusalMsMax,
      p99Before: p99(before),
      normalAfter,
      records,
    };
  } finally {
    await gateway.stop();
    await echo.stop();
  }
}

const startBehind = (outage: Outage, echo: EchoUpstream, audit: object): Promise<Gateway> =>
  startGateway({
    servers: [fixtureEntry("echo", echo, "streamable-http")],
    anonymous: false,
    settings: {
      store: { url: outage.url, migrate: "auto" },
      audit: { ...audit, journal: { retain: "1h" } },
    },
  });

async function untilDrained(gateway: Gateway): Promise<void> {
  const key = await bootstrapKey(gateway);
  await eventually(
    "the store has every record",
    async () => {
      const answer = await fetch(`${gateway.origin}/metrics`, {
        headers: { authorization: `Bearer ${key}` },
      });
      const line = (await answer.text())
        .split("\n")
        .find((one) => one.startsWith("mcp_gateway_journal_undrained_bytes "));
      return line !== undefined && Number(line.split(" ")[1]) === 0 ? true : undefined;
    },
    { timeoutMs: DRAINED_MS_MAX },
  );
}

/** Ends the gateway; journal and store then tell the same, once, of everything the server saw. */
async function expectEveryRecord(
  gateway: Gateway,
  echo: EchoUpstream,
  databaseUrl: string,
  { nonce: last }: CallEnd,
): Promise<number> {
  const seen = await noncesSeen(echo);
  expect(seen.has(last)).toBe(true);
  expect([...seen.values()].filter((times) => times !== 1)).toEqual([]);
  expect(await gateway.child.stop(30_000).then(() => gateway.child.exited)).toBe(0);
  const journalDir = join(gateway.folder, "data/journal");
  const files = readJournal(journalDir);
  const location = { kind: "postgres", url: databaseUrl, poolMax: 2 } as const;
  const times = { connectTimeoutMs: 10_000, idleTimeoutMs: 0, statementTimeoutMs: 60_000 };
  const stored = await readStore({ ...location, ...times }, journalDir);
  expect(stored.problems).toEqual([]);
  expect(stored.records).toBe(files.records);
  for (const kept of [files, stored]) expect(notEndedOnce(kept, seen)).toEqual([]);
  return stored.records;
}

function notEndedOnce(kept: KeptCalls, seen: ReadonlyMap<string, number>): string[] {
  const ends = (nonce: string) =>
    (kept.callsByDigest.get(digestOf(nonce)) ?? []).map((id) => kept.endsByCall.get(id)?.join()).join();
  return [...seen.keys()].filter((nonce) => ends(nonce) !== "ok");
}
