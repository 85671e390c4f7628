import { expect, test } from "bun:test";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../../src/errors/gateway-error.ts";
import { FileJournal } from "../../src/journal/file-journal.ts";
import { okEnd, sampleIntent, temporaryDir } from "../../src/journal/sample-records.ts";
import { verifyJournal } from "../../src/journal/verify.ts";
import type { Durability } from "../../src/model/ports/journal.ts";
import { keptLog } from "../../src/model/sample-exchange.testing.ts";

const mountTest = process.getuid?.() === 0 && Bun.which("mount") !== null ? test : test.skip;
if (mountTest !== test)
  console.warn("NOT RUN: a full disk needs root to mount a small tmpfs; only the file-size limit is tested");

async function mounted(dir: string, use: (path: string) => Promise<void>): Promise<void> {
  const path = join(dir, "small");
  mkdirSync(path);
  const mount = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path]);
  if (!mount.success) throw new Error(`mount: ${mount.stderr.toString()}`);
  try {
    await use(path);
  } finally {
    Bun.spawnSync(["umount", "-l", path]);
  }
}

async function fill(journal: FileJournal): Promise<{ kept: string[]; refused: string[] }> {
  const kept: string[] = [];
  const refused: string[] = [];
  for (let turn = 0; turn < 200 && refused.length === 0; turn++) {
    const calls = Array.from({ length: 20 }, () => sampleIntent());
    const ends = calls.map((intent) => journal.intent(intent));
    for (const [index, end] of ends.entries()) {
      const id = calls[index]?.callId ?? "";
      await end?.then(
        () => kept.push(id),
        (error: unknown) => {
          expect((error as GatewayError).code).toBe("journal_unavailable");
          refused.push(id);
        },
      );
    }
  }
  return { kept, refused };
}

for (const durability of ["standard", "strict"] satisfies Durability[]) {
  mountTest(
    `${durability}: a full disk refuses the batch whole, and the chain goes on when there is room`,
    async () => {
      using dir = temporaryDir();
      await mounted(dir.path, async (small) => {
        writeFileSync(join(small, "ballast"), Buffer.alloc(300_000));
        const journal = FileJournal.open({ dir: join(small, "journal"), durability });
        const { kept, refused } = await fill(journal);
        expect(refused).toHaveLength(20);
        expect(journal.stats()).toMatchObject({ refusals: 20, writeErrors: 1, drops: 0 });
        const still: unknown = await journal.outcome(sampleIntent(), okEnd)?.catch((error: unknown) => error);
        if (still !== undefined) expect(still).toBeInstanceOf(GatewayError);
        rmSync(join(small, "ballast"));
        for (let i = 0; i < 5; i++) await journal.intent(sampleIntent());
        const report = await verifyJournal({ dir: join(small, "journal") });
        expect(report.problems).toEqual([]);
        expect(report.records).toBe(journal.stats().records);
        expect(report.records).toBeGreaterThan(kept.length);
        await journal.close();
        expect((await verifyJournal({ dir: join(small, "journal") })).chains[0]?.closedInOrder).toBe(true);
      });
    },
  );
}

mountTest(
  "a journal ends in time where the disk has no room for the mark of its end, nor for its lease",
  async () => {
    using dir = temporaryDir();
    await mounted(dir.path, async (small) => {
      const log = keptLog();
      const journal = FileJournal.open({ dir: join(small, "journal"), durability: "standard", log });
      await journal.intent(sampleIntent());
      const ballast = openSync(join(small, "ballast"), "w");
      expect(() => {
        for (;;) writeSync(ballast, Buffer.alloc(4_096));
      }).toThrow("ENOSPC");
      closeSync(ballast);
      await journal.close();
      expect(JSON.stringify(log.lines)).toContain("the journal could not be written");
      rmSync(join(small, "ballast"));
      expect((await verifyJournal({ dir: join(small, "journal") })).problems).toEqual([]);
    });
  },
);

mountTest("batch: a full disk drops, every drop is counted, and the record says so afterwards", async () => {
  using dir = temporaryDir();
  await mounted(dir.path, async (small) => {
    writeFileSync(join(small, "ballast"), Buffer.alloc(600_000));
    const journal = FileJournal.open({ dir: join(small, "journal"), durability: "batch" });
    for (let i = 0; i < 3_000; i++) expect(journal.intent(sampleIntent())).toBeUndefined();
    const { drops } = journal.stats();
    expect(drops).toBe(3_000);
    rmSync(join(small, "ballast"));
    journal.intent(sampleIntent());
    await journal.close();
    const chainFile = new Bun.Glob("**/*.jsonl").scanSync(join(small, "journal")).next().value ?? "";
    expect(await Bun.file(join(small, "journal", chainFile)).text()).toContain(
      `"journal.dropped","detail":{"records":${drops}}`,
    );
    expect((await verifyJournal({ dir: join(small, "journal") })).problems).toEqual([]);
  });
});

/** Where no file may grow past 200 blocks. SIGXFSZ is ignored, so that the write fails with EFBIG after a first, short one. */
async function limited(dir: string, ...args: string[]): Promise<string> {
  const script = `trap '' XFSZ; ulimit -f 200; exec "$0" "$@"`;
  const child = Bun.spawn(
    ["sh", "-c", script, process.execPath, join(import.meta.dir, "journal-child.ts"), dir, ...args],
    { stdout: "pipe", stderr: "inherit" },
  );
  const said = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return said;
}

test("a file-size limit tears a batch in the middle: it is cut back, refused, and the chain stays whole", async () => {
  using dir = temporaryDir();
  const said = await limited(dir.path, "standard", "2000");
  const refused = said.match(/^R /gm)?.length ?? 0;
  const acknowledged = said.match(/^[UA] /gm)?.length ?? 0;
  expect(refused).toBeGreaterThan(0);
  expect(acknowledged).toBeGreaterThan(0);
  const report = await verifyJournal({ dir: join(dir.path, "journal") });
  expect(report.problems).toEqual([]);
  expect(report.records).toBeGreaterThanOrEqual(acknowledged);
});

test("a chain whose end could not be marked is not taken for one that was cut", async () => {
  using dir = temporaryDir();
  // One record at a time leaves room for none, and the mark is longer than one.
  await limited(dir.path, "standard", "2000", "1");
  const report = await verifyJournal({ dir: join(dir.path, "journal") });
  expect(report.chains.map(({ closedInOrder }) => closedInOrder)).toEqual([false]);
  expect(report.problems).toEqual([]);
});
