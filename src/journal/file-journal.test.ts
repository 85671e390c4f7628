import { describe, expect, test } from "bun:test";
import { appendFileSync, readdirSync, readFileSync, renameSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../errors/gateway-error.ts";
import type { CallIntent } from "../model/ports/journal.ts";
import { chainsIn, linesOf, segmentsOf } from "./chain-dir.ts";
import { FileJournal } from "./file-journal.ts";
import { parseLine } from "./line.ts";
import { okEnd, sampleEvent, sampleIntent, temporaryDir } from "./sample-records.ts";
import { deriveSigningKey } from "./signing-key.ts";
import { verifyJournal } from "./verify.ts";

interface Kept {
  readonly kind: string;
  readonly body: { callId?: string; status?: string; action?: string; detail?: Record<string, unknown> };
}

function recordsIn(dir: string, chainId: string): Kept[] {
  const kept: Kept[] = [];
  for (const segment of segmentsOf(join(dir, chainId))) {
    for (const at of linesOf(segment.path)) {
      const line = at.complete ? parseLine(at.bytes) : undefined;
      if (line?.bodyBytes === undefined) throw new Error("not a record");
      kept.push({
        kind: line.link.kind,
        body: JSON.parse(Buffer.from(line.bodyBytes).toString()) as Kept["body"],
      });
    }
  }
  return kept;
}

describe("durability", () => {
  for (const durability of ["strict", "standard"] as const) {
    test(`${durability}: a resolved promise means the record is in the file, in order`, async () => {
      using dir = temporaryDir();
      const journal = FileJournal.open({ dir: dir.path, durability, segmentBytesMax: 20_000 });
      const calls: CallIntent[] = [];
      for (let round = 0; round < 20; round++) {
        const turn = Array.from({ length: 5 }, () => sampleIntent());
        await Promise.all(turn.map((intent) => journal.intent(intent)));
        calls.push(...turn);
        const there = recordsIn(dir.path, journal.chainId).map((kept) => kept.body.callId);
        for (const { callId } of turn) expect(there).toContain(callId);
      }
      const ids = recordsIn(dir.path, journal.chainId).flatMap((kept) =>
        kept.kind === "call_intent" ? [kept.body.callId] : [],
      );
      expect(ids).toEqual(calls.map((intent) => intent.callId));
      expect(segmentsOf(join(dir.path, journal.chainId)).length).toBeGreaterThan(1);
      await journal.close();
      expect((await verifyJournal({ dir: dir.path })).problems).toEqual([]);
    });
  }

  test("callers of one turn share one promise and one write", async () => {
    using dir = temporaryDir();
    const journal = FileJournal.open({ dir: dir.path, durability: "standard" });
    journal.intent(sampleIntent());
    const before = journal.stats().batches;
    const promises = Array.from({ length: 50 }, () => journal.intent(sampleIntent()));
    expect(new Set(promises).size).toBe(1);
    await promises[0];
    expect(journal.stats().batches - before).toBe(1);
    await journal.close();
  });

  test("a call that is alone waits for nobody: intent and outcome are written where they are appended", async () => {
    using dir = temporaryDir();
    const journal = FileJournal.open({ dir: dir.path, durability: "standard" });
    const opened = journal.stats().records;
    for (let i = 1; i <= 3; i++) {
      const intent = sampleIntent();
      expect(journal.intent(intent)).toBeUndefined();
      expect(journal.stats().records).toBe(opened + 2 * i - 1);
      expect(journal.outcome(intent, okEnd)).toBeUndefined();
      expect(journal.stats().records).toBe(opened + 2 * i);
    }
    const [first, second] = [sampleIntent(), sampleIntent()];
    expect(journal.intent(first)).toBeUndefined();
    await journal.intent(second);
    expect(journal.outcome(first, okEnd)).toBeInstanceOf(Promise);
    await journal.outcome(second, okEnd);
    await journal.close();
    expect(await verifyJournal({ dir: dir.path, publicKey: journal.signingKey.publicKey })).toMatchObject({
      ok: true,
    });
  });

  test("a lone call whose intent the disk does not take is told, and what follows is written", async () => {
    using dir = temporaryDir();
    // Every segment is full with its first record, so that the second has to make a file, in a directory that is away.
    const journal = FileJournal.open({ dir: dir.path, durability: "standard", segmentBytesMax: 1 });
    const chainDir = join(dir.path, journal.chainId);
    renameSync(chainDir, `${chainDir}-away`);
    const refusal = journal.intent(sampleIntent());
    renameSync(`${chainDir}-away`, chainDir);
    expect(refusal).toBeInstanceOf(Promise);
    expect(await refusal?.catch((thrown: unknown) => (thrown as GatewayError).code)).toBe(
      "journal_unavailable",
    );
    const intent = sampleIntent();
    expect(journal.intent(intent)).toBeUndefined();
    expect(journal.outcome(intent, okEnd)).toBeUndefined();
    await journal.close();
    const report = await verifyJournal({ dir: dir.path, publicKey: journal.signingKey.publicKey });
    expect(report).toMatchObject({ ok: true });
  });

  test("batch: nothing to wait for, at most 1,000 records and one second in memory", async () => {
    using dir = temporaryDir();
    const journal = FileJournal.open({ dir: dir.path, durability: "batch" });
    const opened = journal.stats().records;
    for (let i = 0; i < 999; i++) expect(journal.intent(sampleIntent())).toBeUndefined();
    expect(journal.stats().records).toBe(opened);
    journal.intent(sampleIntent());
    expect(journal.stats().records).toBe(opened + 1_000);
    journal.intent(sampleIntent());
    await Bun.sleep(1_000);
    expect(journal.stats().records).toBeGreaterThanOrEqual(opened + 1_001);
    await journal.close();
  });

  test("a closed journal refuses, and nothing else happens", async () => {
    using dir = temporaryDir();
    const journal = FileJournal.open({ dir: dir.path, durability: "standard" });
    await journal.close();
    const refusal = journal.intent(sampleIntent());
    expect(refusal).toBeInstanceOf(Promise);
    const error: unknown = await refusal?.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(GatewayError);
    expect((error as GatewayError).code).toBe("journal_unavailable");
    expect(journal.stats().refusals).toBe(1);
  });
});

describe("checkpoints", () => {
  test("one follows within a second of its time, and one every so many records", async () => {
    using dir = temporaryDir();
    const key = deriveSigningKey(Buffer.from("a master key"));
    const journal = FileJournal.open({
      dir: dir.path,
      durability: "standard",
      signingKey: key,
      checkpointIntervalMs: 200,
      checkpointRecords: 100,
    });
    for (let i = 0; i < 99; i++) journal.intent(sampleIntent());
    await journal.intent(sampleIntent());
    expect(journal.stats().checkpoints).toBe(1);
    await journal.intent(sampleIntent());
    await Bun.sleep(1_300);
    expect(journal.stats().checkpoints).toBe(2);
    const report = await verifyJournal({ dir: dir.path, publicKey: key.publicKey });
    expect(report).toMatchObject({ ok: true, checkpoints: 2, unproven: 0 });
    await journal.close();
    expect(readdirSync(dir.path)).not.toContain("signing-key.pem");
  });

  test("the key file is for its owner alone", async () => {
    using dir = temporaryDir();
    await FileJournal.open({ dir: dir.path, durability: "standard" }).close();
    expect(statSync(join(dir.path, "signing-key.pem")).mode & 0o777).toBe(0o600);
  });
});

describe("recovery", () => {
  /** A process that died: a chain in its files as the kernel has them, its lease pointing to nobody. */
  async function deadChain(dir: string): Promise<{ chainId: string; open: CallIntent; path: string }> {
    const script = `
      import { FileJournal } from ${JSON.stringify(join(import.meta.dir, "file-journal.ts"))};
      import { okEnd, sampleIntent } from ${JSON.stringify(join(import.meta.dir, "sample-records.ts"))};
      const journal = FileJournal.open({ dir: ${JSON.stringify(dir)}, durability: "standard" });
      const [done, open] = [sampleIntent(), sampleIntent()];
      await journal.intent(done);
      await journal.outcome(done, okEnd);
      await journal.intent(open);
      console.log(JSON.stringify({ chainId: journal.chainId, open }));
      process.kill(process.pid, "SIGKILL");`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
    const output = await new Response(child.stdout).text();
    await child.exited;
    const { chainId, open } = JSON.parse(output) as { chainId: string; open: CallIntent };
    return { chainId, open, path: segmentsOf(join(dir, chainId))[0]?.path ?? "" };
  }

  test("calls a dead process left open are closed as unknown, in the new chain", async () => {
    using dir = temporaryDir();
    const { chainId, open } = await deadChain(dir.path);
    const journal = FileJournal.open({ dir: dir.path, durability: "standard" });
    await journal.ready;
    const records = recordsIn(dir.path, journal.chainId);
    const closings = records.filter((record) => record.kind === "call_outcome");
    expect(closings.map((record) => record.body)).toEqual([
      { callId: open.callId, status: "unknown", durationMs: 0, resultBytes: 0 } as Kept["body"],
    ]);
    expect(records.at(-1)?.body).toMatchObject({
      action: "journal.recovered",
      detail: { chain: chainId, closedAsUnknown: 1, tornBytes: 0 },
    });
    expect(journal.stats().closedAsUnknown).toBe(1);
    await journal.close();
    expect((await verifyJournal({ dir: dir.path })).problems).toEqual([]);
    // A third life has nothing left to recover.
    const third = FileJournal.open({ dir: dir.path, durability: "standard" });
    await third.ready;
    expect(third.stats().closedAsUnknown).toBe(0);
    await third.close();
    expect((await verifyJournal({ dir: dir.path })).problems).toEqual([]);
  });

  test("a torn tail is cut off wherever the tear is, kept aside and reported", async () => {
    using template = temporaryDir();
    const { path } = await deadChain(template.path);
    const sound = readFileSync(path);
    const lastLineAt = sound.lastIndexOf(0x0a, sound.length - 2) + 1;
    for (const tear of [1, 30, sound.length - lastLineAt - 1]) {
      using dir = temporaryDir();
      const dead = await deadChain(dir.path);
      truncateSync(dead.path, readFileSync(dead.path).lastIndexOf(0x0a, -2) + 1 + tear);
      const journal = FileJournal.open({ dir: dir.path, durability: "standard" });
      await journal.ready;
      expect(journal.stats().tornBytes).toBe(tear);
      expect(journal.stats().closedAsUnknown).toBe(0);
      expect(readdirSync(join(dir.path, "quarantine"))).toHaveLength(1);
      await journal.close();
      expect((await verifyJournal({ dir: dir.path })).problems).toEqual([]);
    }
  });

  test("pages of zeros after a power cut are cut off too", async () => {
    using dir = temporaryDir();
    const dead = await deadChain(dir.path);
    appendFileSync(dead.path, Buffer.alloc(8_192));
    const journal = FileJournal.open({ dir: dir.path, durability: "standard" });
    await journal.ready;
    expect(journal.stats()).toMatchObject({ tornBytes: 8_192, closedAsUnknown: 1 });
    await journal.close();
    expect((await verifyJournal({ dir: dir.path })).problems).toEqual([]);
  });

  test("of two processes that start together one recovers; the chain of a living one is left alone", async () => {
    using dir = temporaryDir();
    await deadChain(dir.path);
    const both = [
      FileJournal.open({ dir: dir.path, durability: "standard" }),
      FileJournal.open({ dir: dir.path, durability: "standard" }),
    ];
    await Promise.all(both.map((journal) => journal.ready));
    expect(both.map((journal) => journal.stats().closedAsUnknown).sort()).toEqual([0, 1]);
    await both[0]?.event(sampleEvent);
    await Promise.all(both.map((journal) => journal.close()));
    expect(chainsIn(dir.path)).toHaveLength(3);
    expect((await verifyJournal({ dir: dir.path })).problems).toEqual([]);
  });

  test("an event that cannot be written as JSON still stands", async () => {
    using dir = temporaryDir();
    const journal = FileJournal.open({ dir: dir.path, durability: "standard" });
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    await journal.event({ ...sampleEvent, detail: cycle });
    await journal.outcome(sampleIntent(), okEnd);
    expect(recordsIn(dir.path, journal.chainId)[1]?.body.action).toBe("server.create");
    await journal.close();
  });
});
