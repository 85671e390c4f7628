import { expect, test } from "bun:test";
import { join } from "node:path";
import { drainInThread } from "../../src/journal/drain-thread.ts";
import { FileJournal } from "../../src/journal/file-journal.ts";
import {
  okEnd,
  sampleEvent,
  sampleIntent,
  samplePrincipal,
  temporaryDir,
} from "../../src/journal/sample-records.ts";
import { storedRecords, verifyStore } from "../../src/journal/verify-store.ts";
import type { StoreLocation } from "../../src/storage/location.ts";
import { openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";

test("journal to embedded store: every record arrives, and the store alone proves the chain", async () => {
  using dir = temporaryDir();
  const location: StoreLocation = { kind: "sqlite", path: join(dir.path, "store.db") };
  const store = await openStore(location, createSealer([Buffer.alloc(32, 7)]));
  await store.migrateUp();
  const { name } = await import("../../src/storage/open.ts").then(async ({ openRecordSink }) => {
    const sink = await openRecordSink(location);
    await sink.close?.();
    return sink;
  });
  const journal = FileJournal.open({
    dir: join(dir.path, "journal"),
    durability: "standard",
    drain: drainInThread({
      worker: new URL("./journal-drain-worker.ts", import.meta.url),
      sinkNames: [name],
      sinkOptions: location,
      intervalMs: 20,
    }),
  });
  const calls = Array.from({ length: 2_500 }, (_, index) =>
    sampleIntent({ target: index % 2 === 0 ? "größe" : undefined, argumentsDigest: "ab".repeat(32) }),
  );
  for (const intent of calls) journal.intent(intent);
  await journal.refused(sampleIntent({ serverId: undefined, serverName: undefined }), {
    ...okEnd,
    status: "refused",
    errorCode: "policy_denied",
  });
  await journal.event(sampleEvent);
  await journal.event({
    ...sampleEvent,
    kind: "security",
    organizationId: samplePrincipal().organizationId,
    namespaceId: samplePrincipal().namespaceId,
  });
  for (const intent of calls) journal.outcome(intent, { ...okEnd, durationMs: Math.random() * 1e4 });
  const late = sampleIntent();
  await journal.intent(late);
  await Bun.sleep(400);
  await journal.outcome(late, { ...okEnd, status: "tool_error" });
  await journal.close();

  expect(journal.stats()).toMatchObject({ undrainedBytes: 0, quarantinedRecords: 0 });
  const report = await verifyStore({
    records: [storedRecords(store.records)],
    publicKey: journal.signingKey.publicKey,
  });
  expect(report.problems).toEqual([]);
  expect(report.records).toBe(journal.stats().records);
  expect(report.chains[0]).toMatchObject({ unproven: 0, closedInOrder: true });
  const newest = await store.records.requests(samplePrincipal().organizationId);
  expect(newest[0]?.id).toBe(late.callId);
  expect(newest[0]?.end?.status).toBe("tool_error");

  const soon = Date.now() + 60_000;
  const own = await store.records.expirePayloads(null, soon, 100);
  expect(own).toBe(1);
  expect(await store.records.expirePayloads(null, soon, 100)).toBe(0);
  const expired = own + (await store.records.expirePayloads(samplePrincipal().organizationId, soon, 100));
  expect(expired).toBeGreaterThan(own);
  const after = await verifyStore({
    records: [storedRecords(store.records)],
    publicKey: journal.signingKey.publicKey,
  });
  expect(after.problems).toEqual([]);
  expect(after.expired).toBeGreaterThanOrEqual(expired);
  await store.close();
}, 20_000);
