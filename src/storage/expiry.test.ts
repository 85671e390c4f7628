import { expect, test } from "bun:test";
import { Expiry } from "./expiry.ts";

const DAY_MS = 86_400_000;

interface Row {
  readonly at: number;
  isKept: boolean;
}

/** Rows of a table, and how many of them were looked at. */
class Table {
  readonly rows: Row[];
  looked = 0;
  isAway = false;
  constructor(count: number) {
    this.rows = Array.from({ length: count }, (_, at) => ({ at: Math.floor(at / 3), isKept: true }));
  }
  timeAfter(from: number, before: number, rows: number) {
    const within = this.rows.filter(({ at }) => at >= from && at < before);
    return Promise.resolve(within[rows]?.at);
  }
  kept(from: number, before: number, limit: number) {
    const within = this.rows.filter(({ at }) => at >= from && at < before);
    this.looked += within.length;
    return Promise.resolve(within.filter(({ isKept }) => isKept).slice(0, limit));
  }
  empty(rows: readonly Row[]) {
    if (this.isAway) return Promise.reject(new Error("away"));
    for (const row of rows) row.isKept = false;
    return Promise.resolve(rows.length);
  }
}

test("what has expired is looked at once, however many batches follow, and again a day later", async () => {
  const table = new Table(1_000);
  const expiry = new Expiry(10);
  const run = (before: number) => expiry.run<Row>("calls a", before, 50, table);
  let emptied = 0;
  for (let count = 50; count > 0; emptied += count) count = await run(500);
  expect(emptied).toBe(1_000);
  expect(table.looked).toBeLessThan(1_400);
  table.looked = 0;
  expect(await run(500 + DAY_MS - 1)).toBe(0);
  expect(table.looked).toBeLessThan(20);
  expect(await run(500 + DAY_MS)).toBe(0);
  expect(table.looked).toBe(1_000);
});

test("where emptying fails, the same are found again", async () => {
  const table = new Table(30);
  const expiry = new Expiry(10);
  table.isAway = true;
  await expect(expiry.run<Row>("calls a", 100, 20, table)).rejects.toThrow("away");
  table.isAway = false;
  expect(await expiry.run<Row>("calls a", 100, 20, table)).toBe(20);
  expect(await expiry.run<Row>("calls a", 100, 20, table)).toBe(10);
});
