/**
 * Records per second of the audit journal on one core: pairs of intent and outcome at `standard`, 32 calls a turn, as a
 * loaded event loop makes them; without a drain, and with one that takes every row in a thread of its own. Prints one
 * JSON object. `bun bench/journal.ts [seconds]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drainInThread } from "../src/journal/drain-thread.ts";
import { FileJournal } from "../src/journal/file-journal.ts";
import type { CallEnd, CallIntent } from "../src/model/ports/journal.ts";
import type { Principal } from "../src/model/principal.ts";

const callsPerTurn = 32;
const end: CallEnd = { status: "ok", errorCode: undefined, durationMs: 1.234, resultBytes: 512 };

function principalOf(index: number): Principal {
  return {
    id: `key:${Bun.randomUUIDv7()}`,
    kind: "api_key",
    name: `mgw_${index}`,
    organizationId: Bun.randomUUIDv7(),
    namespaceId: Bun.randomUUIDv7(),
    namespaceBound: false,
    role: "user",
    platformAdmin: false,
    permissions: ["*"],
    permissionKey: "all",
  };
}

function intentsOf(count: number): CallIntent[] {
  const principals = Array.from({ length: 16 }, (_, index) => principalOf(index));
  const serverId = Bun.randomUUIDv7();
  return Array.from({ length: count }, (_, index) => {
    const principal = principals[index % principals.length] ?? principalOf(0);
    return {
      callId: Bun.randomUUIDv7(),
      correlationId: Bun.randomUUIDv7(),
      principal,
      namespaceId: principal.namespaceId,
      method: "tools/call",
      serverId,
      serverName: "github",
      servedBy: undefined,
      target: `tool_${index % 100}`,
      argumentsDigest: Bun.SHA256.hash(String(index), "hex"),
      clientAddress: "127.0.0.1",
      clientName: "bench/1.0",
      era: "modern",
      traceId: undefined,
    };
  });
}

interface Measured {
  readonly records_per_s: number;
  /** Of this thread's time: wall, because the loop never waits. */
  readonly us_per_record: number;
  /** Of the whole process, drain thread included, until everything is drained. */
  readonly cpu_us_per_record: number;
  readonly drained_records: number;
}

async function measure(seconds: number, drains: boolean): Promise<Measured> {
  const dir = mkdtempSync(join(tmpdir(), "journal-bench-"));
  const drain = drainInThread({
    worker: new URL("./journal-sink.ts", import.meta.url),
    sinkNames: ["sqlite"],
    sinkOptions: { path: join(dir, "store.db") },
  });
  const journal = FileJournal.open({
    dir: join(dir, "journal"),
    durability: "standard",
    ...(drains && { drain }),
  });
  try {
    const intents = intentsOf(20_000);
    await run(journal, intents, 0.5);
    const cpuBefore = process.cpuUsage();
    const before = journal.stats().records;
    const began = performance.now();
    await run(journal, intents, seconds);
    const wallMs = performance.now() - began;
    const records = journal.stats().records - before;
    while (drains && journal.stats().undrainedBytes > 4096) await Bun.sleep(20);
    const cpu = process.cpuUsage(cpuBefore);
    await Bun.sleep(drains ? 1_100 : 0);
    return {
      records_per_s: Math.round((records / wallMs) * 1000),
      us_per_record: round((wallMs * 1000) / records),
      cpu_us_per_record: round((cpu.user + cpu.system) / records),
      drained_records: journal.stats().drainedRecords,
    };
  } finally {
    await journal.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function run(journal: FileJournal, intents: readonly CallIntent[], seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1000;
  for (let at = 0; performance.now() < until; at = (at + callsPerTurn) % (intents.length - callsPerTurn)) {
    let written: Promise<void> | undefined;
    for (let i = 0; i < callsPerTurn; i++) {
      const intent = intents[at + i];
      if (intent === undefined) continue;
      journal.intent(intent);
      written = journal.outcome(intent, end);
    }
    await written;
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

const seconds = Number(process.argv[2] ?? 3);
const alone = await measure(seconds, false);
const drained = await measure(seconds, true);
console.log(JSON.stringify({ journal_records_per_s: alone.records_per_s, alone, drained }));
