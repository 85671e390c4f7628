import { afterAll, expect, setSystemTime, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreSessionLedger } from "../../src/server/session-ledger.ts";
import { openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { newSession, tenant } from "../contract/store-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-ledger-"));
afterAll(() => {
  setSystemTime();
  rmSync(folder, { recursive: true, force: true });
});

test("of sessions left to their idle time nothing is kept, and a use after a minute is written", async () => {
  const store = await openStore(
    { kind: "sqlite", path: join(folder, "gateway.db") },
    createSealer([randomBytes(32)]),
  );
  await store.migrateUp();
  const ledger = new StoreSessionLedger(store, createLog({ level: "error", format: "json" }));
  const owner = await tenant(store);
  const records = Array.from({ length: 20 }, () => newSession(owner));
  for (const record of records) await ledger.opened(record);
  expect(ledger.size).toBe(20);
  const [used, ended] = records as [(typeof records)[0], (typeof records)[0]];
  await ledger.ended(owner.organizationId, ended.id);
  expect(ledger.size).toBe(19);

  const later = Date.now() + 61_000;
  setSystemTime(later);
  ledger.active(used.id);
  await ledger.flush();
  expect(ledger.size).toBe(1);
  expect((await store.sessions.find(owner.organizationId, used.id))?.lastActivityAt).toBe(later);
  await ledger.close();
  await store.close();
});
