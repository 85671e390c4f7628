import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteReader } from "./reader.ts";

const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-reader-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, "a.db");
const file = new Database(path, { create: true });
file.run("PRAGMA journal_mode = WAL");
file.run("create table t (a)");
file.run("insert into t values (1)");
afterAll(() => file.close());

const options = { path, busyTimeoutMs: 1_000, synchronous: "NORMAL" } as const;
const codeOf = (query: Promise<unknown>) =>
  query.then(
    () => "fine",
    (failure) => failure.code,
  );

async function until(condition: () => boolean): Promise<void> {
  for (let n = 0; !condition(); n++) {
    if (n > 500) throw new Error("it never came");
    await Bun.sleep(10);
  }
}

test("the thread is there while it is used, and again after", async () => {
  const reader = new SqliteReader(options, 50);
  expect(reader.isRunning).toBe(false);
  const both = await Promise.all([reader.read("select a from t", []), reader.read("select 2 as b", [])]);
  expect(both).toEqual([[{ a: 1 }], [{ b: 2 }]]);
  expect(reader.isRunning).toBe(true);
  await until(() => !reader.isRunning);
  expect(await reader.read("select a from t where a = ?", [1])).toEqual([{ a: 1 }]);
  await reader.close();
  expect(await codeOf(reader.read("select 1", []))).toBe("SQLITE_THREAD");
});

test("it cannot write, and says what is wrong with a statement", async () => {
  const reader = new SqliteReader(options);
  expect(await codeOf(reader.read("insert into t values (2)", []))).toBe("SQLITE_READONLY");
  expect(await codeOf(reader.read("select nothing", []))).toBe("SQLITE_ERROR");
  await reader.close();
});

test("a file that cannot be opened is tried again with the next query", async () => {
  const later = join(folder, "later.db");
  const reader = new SqliteReader({ ...options, path: later });
  expect(await codeOf(reader.read("select 1 as a", []))).toBe("SQLITE_CANTOPEN");
  new Database(later, { create: true }).run("create table t (a)");
  expect(await reader.read("select 1 as a", [])).toEqual([{ a: 1 }]);
  await reader.close();
});

test("a thread that was ended answers nobody's question, and is replaced for the next", async () => {
  const threads: Worker[] = [];
  const realWorker = globalThis.Worker;
  globalThis.Worker = class extends realWorker {
    constructor(url: string | URL, given?: WorkerOptions) {
      super(url, given);
      threads.push(this);
    }
  };
  const reader = new SqliteReader(options);
  try {
    await reader.read("select 1 as a", []);
    threads[0]?.terminate();
    expect(await codeOf(reader.read("select 1 as a", []))).toBe("SQLITE_THREAD");
    expect(await reader.read("select 2 as a", [])).toEqual([{ a: 2 }]);
    expect(threads).toHaveLength(2);
  } finally {
    globalThis.Worker = realWorker;
    await reader.close();
  }
});

test("the end waits a second at most for a statement, which fails", async () => {
  const reader = new SqliteReader(options);
  const slow = codeOf(
    reader.read(
      "with recursive c(x) as (select 1 union all select x + 1 from c where x < 60000000) select max(x) from c",
      [],
    ),
  );
  await Bun.sleep(50);
  const from = performance.now();
  await reader.close();
  // The statement takes seconds; generous, for a busy machine.
  expect(performance.now() - from).toBeLessThan(2_500);
  expect(await slow).toBe("SQLITE_THREAD");
});
