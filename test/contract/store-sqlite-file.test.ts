import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { openRecordSink, openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";
import { Chain, tenant } from "./store-fixture.ts";

describe("one SQLite file, several writers", () => {
  const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-file-"));
  const path = join(folder, "gateway.db");
  let store: OperatedStore;
  beforeAll(async () => {
    store = await openStore({ kind: "sqlite", path }, createSealer([randomBytes(32)]));
    await store.migrateUp();
  });
  afterAll(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const child = (...args: string[]) =>
    Bun.spawn([process.execPath, join(import.meta.dir, "store-children.ts"), ...args], { stdout: "pipe" });
  const said = async (process: ReturnType<typeof child>, word: string) => {
    for await (const chunk of process.stdout) if (new TextDecoder().decode(chunk).includes(word)) return;
    throw new Error(`the other process never said ${word}`);
  };

  test("a lock held by another process stops writes but neither the loop nor reads", async () => {
    const holder = child("hold", path, "600");
    await said(holder, "held");
    let worstMs = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      const now = performance.now();
      worstMs = Math.max(worstMs, now - last - 1);
      last = now;
    }, 1);
    const began = performance.now();
    const write = store.settings.put("under-lock", "1").then(() => performance.now() - began);
    let readMs = 0;
    for (let n = 0; n < 50; n++) {
      const from = performance.now();
      await store.versions();
      readMs = Math.max(readMs, performance.now() - from);
      await Bun.sleep(2);
    }
    expect(await write).toBeGreaterThan(150);
    clearInterval(watch);
    expect(await holder.exited).toBe(0);
    expect(await store.settings.find("under-lock")).toBe("1");
    // The writes waited over 150 ms; a loop that shared their wait would show it. Generous, for a busy machine.
    expect(worstMs).toBeLessThan(60);
    expect(readMs).toBeLessThan(60);
  });

  test("two processes write at once and nothing is lost", async () => {
    const other = child("write", path, "300");
    for (let n = 0; n < 300; n++) await store.settings.put(`own-${n}`, "x");
    await said(other, "written");
    expect(await other.exited).toBe(0);
    expect(await store.settings.find("own-299")).toBe("x");
    expect(await store.settings.find("child-0")).toBe("x");
    expect(await store.settings.find("child-299")).toBe("x");
  });

  test("transactions of one process come one after the other, with the drain beside them", async () => {
    const sink = await openRecordSink({ kind: "sqlite", path });
    const made = await Promise.all(Array.from({ length: 20 }, () => tenant(store)));
    const chain = new Chain();
    const [first] = made;
    if (first === undefined) throw new Error("no tenant");
    await Promise.all([
      sink.write(Array.from({ length: 500 }, () => chain.call(first))),
      ...made.map(({ organizationId }) => store.organizations.update(organizationId, { name: "new" })),
    ]);
    await sink.close?.();
    const names = (await store.acrossTenants.organizations()).map(({ name }) => name);
    expect(names).toEqual(Array.from({ length: 20 }, () => "new"));
  });

  test("a file that cannot be opened is said to be unavailable", async () => {
    const thrown = await openStore({ kind: "sqlite", path: folder }, createSealer([randomBytes(32)])).then(
      () => undefined,
      (failure) => failure.code,
    );
    expect(thrown).toBe("store_unavailable");
  });
});
