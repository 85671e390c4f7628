import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { openRecordSink, openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";
import { callColumns } from "../../src/storage/sqlite/call-table.ts";
import { Chain, type Tenant, tenant } from "./store-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-reads-"));
const path = join(folder, "gateway.db");
const FIRST = 1_000;
const COPIES = 200;
const ROWS = FIRST * COPIES;
const DAY_MS = 86_400_000;
const begin = Date.now() - DAY_MS;
let store: OperatedStore;
let t: Tenant;

/** A thousand calls as the drain writes them, 20 within a millisecond, again and again a second later. */
beforeAll(async () => {
  store = await openStore({ kind: "sqlite", path }, createSealer([randomBytes(32)]));
  await store.migrateUp();
  t = await tenant(store);
  const chain = new Chain();
  const sink = await openRecordSink({ kind: "sqlite", path });
  await sink.write(
    Array.from({ length: FIRST }, (_, n) => {
      const call = chain.call(t, begin + Math.floor(n / 20));
      const target = n % 10 === 0 ? "rare" : "create_issue";
      return { ...call, call: { ...call.call, target }, end: chain.end(call).end };
    }),
  );
  await sink.close?.();
  const file = new Database(path);
  const values = callColumns.map((name) => {
    if (name === "started_at") return "started_at + n.value * 1000";
    if (name === "chain_seq") return `chain_seq + n.value * ${3 * FIRST}`;
    return name;
  });
  file.run(`insert into request_logs (${callColumns.join()}) select ${values.join()} from request_logs,
    (with recursive n(value) as (select 1 union all select value + 1 from n where value < ${COPIES - 1}) select value from n) n`);
  file.close();
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The longest time in which the event loop did not turn, and the query's own. */
async function gapDuring<T>(query: () => Promise<T>) {
  await Bun.sleep(20);
  let gapMs = 0;
  let last = performance.now();
  const watch = setInterval(() => {
    const now = performance.now();
    gapMs = Math.max(gapMs, now - last);
    last = now;
  }, 1);
  const from = performance.now();
  const answer = await query();
  const queryMs = performance.now() - from;
  await Bun.sleep(5);
  clearInterval(watch);
  return { answer, gapMs, queryMs };
}

test("whoever looks through the record holds up nobody", async () => {
  const filtered = await gapDuring(() => store.records.requests(t.organizationId, {}, { errorCode: "none" }));
  expect(filtered.answer).toEqual([]);
  const counted = await gapDuring(() => store.records.tallies(t.organizationId, begin, Date.now()));
  expect(counted.answer.reduce((sum, { calls }) => sum + calls, 0)).toBe(ROWS);
  expect(counted.answer.map(({ target, calls }) => [target, calls])).toEqual([
    ["create_issue", ROWS * 0.9],
    ["rare", ROWS * 0.1],
  ]);
  expect(counted.answer[0]?.durationMsMean).toBeCloseTo(12.345, 6);
  for (const { gapMs, queryMs } of [filtered, counted]) {
    // On a quiet machine a few milliseconds; a loop that did the work itself would stand still for all of it.
    expect(gapMs).toBeLessThan(Math.max(50, queryMs / 3));
  }
});

test("page by page, a filter finds every call once, in order, across steps and within a millisecond", async () => {
  const seen: string[] = [];
  let last: { at: number; id: string; sequence: number } | undefined;
  for (;;) {
    const page = await store.records.requests(
      t.organizationId,
      { limit: 777, from: begin + 1_000, after: last },
      { target: "rare" },
    );
    seen.push(...page.map(({ startedAt, id }) => `${startedAt} ${id}`));
    const end = page.at(-1);
    if (end === undefined) break;
    last = { at: end.startedAt, id: end.id, sequence: 0 };
  }
  expect(seen).toHaveLength((ROWS - FIRST) / 10);
  expect(seen).toEqual([...new Set(seen)].sort().reverse());
});
