import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteConnections } from "./connections.ts";

const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-writer-"));
const realWorker = globalThis.Worker;
afterEach(() => {
  globalThis.Worker = realWorker;
  rmSync(folder, { recursive: true, force: true });
});

test("a writer thread that dies takes its transaction along and is replaced", async () => {
  const threads: Worker[] = [];
  globalThis.Worker = class extends realWorker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      threads.push(this);
    }
  };
  const connections = new SqliteConnections({
    path: join(folder, "a.db"),
    busyTimeoutMs: 1_000,
    synchronous: "NORMAL",
  });
  await connections.open();
  const codeOf = (write: Promise<unknown>) =>
    write.then(
      () => "fine",
      (failure) => failure.code,
    );
  await connections.write("create table t (a)", []);
  const release = await connections.hold();
  await connections.writeHeld("BEGIN IMMEDIATE", []);
  await connections.writeHeld("insert into t values (1)", []);
  const outside = connections.write("insert into t values (3)", []);
  const inside = codeOf(connections.writeHeld("insert into t values (2)", []));
  threads[0]?.terminate();
  expect(await inside).toBe("SQLITE_THREAD");
  expect(await codeOf(connections.writeHeld("COMMIT", []))).toBe("SQLITE_THREAD");
  release();
  await outside;
  expect(connections.read("select a from t", [])).toEqual([{ a: 3 }]);
  expect(threads).toHaveLength(2);
  await connections.close();
});
