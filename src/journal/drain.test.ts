import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../errors/gateway-error.ts";
import type { CallIntent } from "../model/ports/journal.ts";
import { chainsIn, segmentsOf } from "./chain-dir.ts";
import { forgetDrained } from "./drain-position.ts";
import { drainHere, drainInThread } from "./drain-thread.ts";
import { FileJournal } from "./file-journal.ts";
import { okEnd, sampleEvent, sampleIntent, temporaryDir } from "./sample-records.ts";
import { SampleSink } from "./sample-sink.ts";
import { verifyJournal } from "./verify.ts";
import { verifyStore } from "./verify-store.ts";

async function callsThrough(journal: FileJournal, count: number, target = "t"): Promise<CallIntent[]> {
  const calls = Array.from({ length: count }, () => sampleIntent({ target }));
  for (const intent of calls) journal.intent(intent);
  await journal.refused(sampleIntent({ target: "refused" }), {
    ...okEnd,
    status: "refused",
    errorCode: "policy_denied",
  });
  let last: Promise<void> | undefined;
  for (const intent of calls) last = journal.outcome(intent, okEnd);
  await last;
  return calls;
}

async function until(holds: () => boolean, withinMs = 8_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error("did not come true in time");
    await Bun.sleep(10);
  }
}

describe("drain", () => {
  test("a thread moves every record into SQLite; the store alone proves the chain", async () => {
    using dir = temporaryDir();
    const path = join(dir.path, "store.db");
    const drain = drainInThread({
      worker: new URL("./sample-sink.ts", import.meta.url),
      sinkNames: ["sample"],
      sinkOptions: { path },
      intervalMs: 50,
    });
    const journal = FileJournal.open({
      dir: join(dir.path, "j"),
      durability: "standard",
      drain,
      checkpointRecords: 1_000,
    });
    const calls = await callsThrough(journal, 3_000);
    await journal.event(sampleEvent);
    const open = sampleIntent();
    await journal.intent(open);
    await Bun.sleep(300);
    await journal.outcome(open, { ...okEnd, status: "tool_error" });
    await journal.close();
    expect(journal.stats().undrainedBytes).toBe(0);
    const sink = new SampleSink({ path });
    const statuses = sink.statuses();
    expect(statuses.size).toBe(3_002);
    for (const { callId } of calls) expect(statuses.get(callId)).toBe("ok");
    expect(statuses.get(open.callId)).toBe("tool_error");
    const report = await verifyStore({ records: sink.streams(), publicKey: journal.signingKey.publicKey });
    expect(report.problems).toEqual([]);
    expect(report.records).toBe(journal.stats().records);
    expect(report.unproven).toBe(0);
    await sink.close();
  });

  test("a changed or deleted row in the store is found", async () => {
    using dir = temporaryDir();
    const path = join(dir.path, "store.db");
    const sink = new SampleSink({ path });
    const journal = FileJournal.open({
      dir: join(dir.path, "j"),
      durability: "standard",
      drain: drainHere([sink], 10),
    });
    const calls = await callsThrough(journal, 20);
    await journal.close();
    const { publicKey } = journal.signingKey;
    const kindsAfter = async (sql: string): Promise<string[]> => {
      const database = new Database(path);
      database.run("SAVEPOINT s");
      database.close();
      const copy = join(dir.path, `${Bun.randomUUIDv7()}.db`);
      const source = new Database(path);
      await Bun.write(copy, source.serialize());
      source.close();
      const changed = new Database(copy);
      changed.run(sql);
      changed.close();
      const reader = new SampleSink({ path: copy });
      const report = await verifyStore({ records: reader.streams(), publicKey });
      await reader.close();
      return report.problems.map((problem) => problem.kind);
    };
    const id = calls[5]?.callId;
    expect(await kindsAfter("SELECT 1")).toEqual([]);
    expect(await kindsAfter(`UPDATE request_logs SET status = 'error' WHERE id = '${id}'`)).toEqual([
      "changed",
    ]);
    expect(await kindsAfter(`UPDATE request_logs SET duration_ms = 1 WHERE id = '${id}'`)).toEqual([
      "changed",
    ]);
    expect(
      await kindsAfter(`UPDATE request_logs SET call = replace(call, 'github', 'gitlab') WHERE id = '${id}'`),
    ).toEqual(["changed"]);
    expect(await kindsAfter(`DELETE FROM request_logs WHERE id = '${id}'`)).toEqual(["removed", "removed"]);
    expect(await kindsAfter("DELETE FROM audit_logs WHERE sequence = 1")).toEqual(["removed"]);
  });

  test("a store outage loses nothing and stops nobody; standard refuses only at the cap", async () => {
    using dir = temporaryDir();
    const sink = new SampleSink({ path: join(dir.path, "store.db") });
    sink.outage = new GatewayError("store_unavailable");
    const journal = FileJournal.open({
      dir: join(dir.path, "j"),
      durability: "standard",
      drain: drainHere([sink], 10),
      undrainedBytesMax: 2 << 20,
    });
    const calls = await callsThrough(journal, 500);
    let refused = 0;
    for (let round = 0; round < 40 && refused === 0; round++) {
      await callsThrough(journal, 100).then(
        (more) => calls.push(...more),
        () => refused++,
      );
    }
    expect(refused).toBe(1);
    expect(journal.stats().undrainedBytes).toBeGreaterThanOrEqual(2 << 20);
    expect(journal.stats().undrainedBytes).toBeLessThan(4 << 20);
    sink.outage = undefined;
    await until(() => journal.stats().undrainedBytes === 0);
    calls.push(...(await callsThrough(journal, 10)));
    // Of what was refused nothing counts as under way: a call that is alone is written at once again.
    const alone = sampleIntent();
    expect(journal.intent(alone)).toBeUndefined();
    expect(journal.outcome(alone, okEnd)).toBeUndefined();
    calls.push(alone);
    await until(() => journal.stats().undrainedBytes === 0);
    const statuses = sink.statuses();
    for (const { callId } of calls) expect(statuses.get(callId)).toBe("ok");
    expect(journal.stats().quarantinedRecords).toBe(0);
    await journal.close();
    expect((await verifyJournal({ dir: join(dir.path, "j") })).problems).toEqual([]);
  });

  for (const kind of ["refusedTarget", "plainErrorTarget"] as const) {
    test(`a record the store will not take is put aside, the others pass (${kind})`, async () => {
      using dir = temporaryDir();
      const path = join(dir.path, "store.db");
      const sink = new SampleSink({ path, [kind]: "bad" });
      const journal = FileJournal.open({
        dir: join(dir.path, "j"),
        durability: "standard",
        drain: drainHere([sink], 10),
      });
      const bad = sampleIntent({ target: "bad" });
      journal.intent(bad);
      const calls = await callsThrough(journal, 100);
      await journal.outcome(bad, okEnd);
      await until(() => journal.stats().undrainedBytes === 0);
      await until(() => journal.stats().quarantinedRecords === 1);
      const kept = readFileSync(join(dir.path, "j", "quarantine", "sample.jsonl"), "utf8");
      expect(kept).toContain(bad.callId);
      const statuses = sink.statuses();
      expect(statuses.has(bad.callId)).toBe(false);
      for (const { callId } of calls) expect(statuses.get(callId)).toBe("ok");
      await journal.close();
    });
  }

  test("draining again from the start changes nothing", async () => {
    using dir = temporaryDir();
    const path = join(dir.path, "store.db");
    const journalDir = join(dir.path, "j");
    const first = FileJournal.open({
      dir: journalDir,
      durability: "standard",
      drain: drainHere([new SampleSink({ path })], 10),
    });
    await callsThrough(first, 50);
    await first.close();
    forgetDrained(join(journalDir, first.chainId));
    const second = FileJournal.open({
      dir: journalDir,
      durability: "standard",
      drain: drainHere([new SampleSink({ path })], 10),
    });
    await second.ready;
    await second.close();
    const sink = new SampleSink({ path });
    const report = await verifyStore({ records: sink.streams(), publicKey: second.signingKey.publicKey });
    expect(report.problems).toEqual([]);
    expect(report.chains).toHaveLength(2);
    expect(sink.statuses().size).toBe(51);
    await sink.close();
  });

  test("drained segments go after their time, their absence signed; a theft beside them is still found", async () => {
    using dir = temporaryDir();
    const journalDir = join(dir.path, "j");
    const sink = new SampleSink({ path: join(dir.path, "store.db") });
    const options = {
      dir: journalDir,
      durability: "standard",
      segmentBytesMax: 10_000,
      keepDrainedMs: 0,
    } as const;
    const first = FileJournal.open(options);
    await callsThrough(first, 50);
    await first.close();
    const journal = FileJournal.open({ ...options, drain: drainHere([sink], 10) });
    await journal.ready;
    for (let i = 0; i < 20; i++) await callsThrough(journal, 5);
    await until(() => journal.stats().undrainedBytes === 0);
    const before = segmentsOf(join(journalDir, journal.chainId)).length;
    journal.retireDrained();
    expect(segmentsOf(join(journalDir, journal.chainId)).length).toBeLessThan(before);
    await callsThrough(journal, 50);
    expect((await verifyJournal({ dir: journalDir })).problems).toEqual([]);
    const stolen = segmentsOf(join(journalDir, journal.chainId)).at(-2);
    await Bun.file(stolen?.path ?? "").delete();
    expect((await verifyJournal({ dir: journalDir })).problems.map((problem) => problem.kind)).toContain(
      "missing_segment",
    );
    await journal.close();
    expect(chainsIn(journalDir).length).toBeGreaterThan(0);
    expect(existsSync(join(journalDir, "retired.jsonl"))).toBe(true);
  });
});
