import { describe, expect, test } from "bun:test";
import { cpSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { chainsIn, segmentsOf } from "./chain-dir.ts";
import { FileJournal } from "./file-journal.ts";
import { okEnd, sampleEvent, sampleIntent, temporaryDir } from "./sample-records.ts";
import { verifyJournal } from "./verify.ts";

/** Three chains: two closed in order, the last taking over what the others left. */
async function writeJournal(dir: string, segmentBytesMax = 8_000): Promise<string> {
  for (let life = 0; life < 3; life++) {
    const journal = FileJournal.open({ dir, durability: "standard", segmentBytesMax, checkpointRecords: 7 });
    await journal.ready;
    for (let call = 0; call < 12; call++) {
      const intent = sampleIntent();
      await journal.intent(intent);
      await journal.outcome(intent, okEnd);
      if (call % 4 === 0) await journal.event(sampleEvent);
      if (call % 5 === 0)
        await journal.refused(sampleIntent({ serverId: undefined }), { ...okEnd, status: "refused" });
    }
    await journal.close();
  }
  const [first] = chainsIn(dir);
  return join(dir, first ?? "");
}

const template = temporaryDir();
const chainDir = await writeJournal(template.path);
const name = chainDir.slice(template.path.length + 1);

async function verifyChanged(change: (lines: string[]) => string[], segmentIndex = 1): Promise<string[]> {
  using dir = temporaryDir();
  cpSync(template.path, dir.path, { recursive: true });
  const path = segmentsOf(join(dir.path, name))[segmentIndex]?.path ?? "";
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  writeFileSync(path, `${change(lines).join("\n")}\n`);
  const report = await verifyJournal({ dir: dir.path });
  expect(report.ok).toBe(report.problemCount === 0);
  return report.problems.map((problem) => problem.kind);
}

describe("audit verify", () => {
  test("an untouched journal is sound, every record counted and signed", async () => {
    const report = await verifyJournal({ dir: template.path });
    expect(report.problems).toEqual([]);
    expect(report.chains).toHaveLength(3);
    expect(report.chains.every((chain) => chain.closedInOrder)).toBe(true);
    expect(report.unproven).toBe(0);
    expect(report.records).toBeGreaterThan(3 * (24 + 3 + 3));
    expect(segmentsOf(chainDir).length).toBeGreaterThan(2);
  });

  test("any single changed byte is found", async () => {
    using dir = temporaryDir();
    cpSync(template.path, dir.path, { recursive: true });
    const files = chainsIn(dir.path).flatMap((chain) => segmentsOf(join(dir.path, chain)));
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: files.length - 1 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 1, max: 255 }),
        async (fileIndex, place, difference) => {
          const path = files[fileIndex]?.path ?? "";
          const sound = readFileSync(path);
          const bytes = Buffer.from(sound);
          const at = Math.floor(place * bytes.length);
          bytes[at] = ((bytes[at] ?? 0) + difference) % 256;
          writeFileSync(path, bytes);
          const report = await verifyJournal({ dir: dir.path });
          writeFileSync(path, sound);
          // The last newline of a chain whose writer may still live reads as a record being written.
          const isLastNewline = at === bytes.length - 1;
          return !report.ok || isLastNewline;
        },
      ),
      { numRuns: 300 },
    );
  });

  test("any removed line is found", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 6 }), async (at) => {
        const kinds = await verifyChanged((lines) => lines.filter((_, index) => index !== at));
        return kinds.length > 0;
      }),
      { numRuns: 20 },
    );
  });

  test("any two swapped lines are found", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 6 }), fc.integer({ min: 1, max: 5 }), async (at, distance) => {
        const kinds = await verifyChanged((lines) => {
          const other = (at + distance) % 7;
          [lines[at], lines[other]] = [lines[other] ?? "", lines[at] ?? ""];
          return lines;
        });
        return kinds.includes("reordered");
      }),
      { numRuns: 20 },
    );
  });

  test("a repeated record is found", async () => {
    expect(
      await verifyChanged((lines) => lines.flatMap((line, index) => (index === 3 ? [line, line] : [line]))),
    ).toContain("reordered");
  });

  test("a chain cut at its end is found: the next chain names its last record", async () => {
    for (const left of [0, 1, 3]) {
      const last = segmentsOf(chainDir).length - 1;
      expect(await verifyChanged((lines) => lines.slice(0, left), last)).toContain("truncated");
    }
  });

  test("the newest chain cut at its end is found too, where it was closed in order", async () => {
    using dir = temporaryDir();
    cpSync(template.path, dir.path, { recursive: true });
    const path = segmentsOf(join(dir.path, chainsIn(dir.path).at(-1) ?? "")).at(-1)?.path ?? "";
    const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
    writeFileSync(
      path,
      lines
        .slice(0, -2)
        .map((line) => `${line}\n`)
        .join(""),
    );
    expect((await verifyJournal({ dir: dir.path })).problems.map(({ kind }) => kind)).toEqual(["truncated"]);
  });

  test("a removed segment and a removed chain are found", async () => {
    using dir = temporaryDir();
    cpSync(template.path, dir.path, { recursive: true });
    unlinkSync(segmentsOf(join(dir.path, name))[1]?.path ?? "");
    expect((await verifyJournal({ dir: dir.path })).problems[0]?.kind).toBe("missing_segment");
    rmSync(join(dir.path, name), { recursive: true });
    expect((await verifyJournal({ dir: dir.path })).problems.map((problem) => problem.kind)).toContain(
      "missing_chain",
    );
  });

  test("an expired payload verifies as expired, and only that", async () => {
    using dir = temporaryDir();
    cpSync(template.path, dir.path, { recursive: true });
    const path = segmentsOf(join(dir.path, name))[0]?.path ?? "";
    const expired = readFileSync(path, "utf8").replace(
      /"salt":"\w+","body":\{"callId.*\}\n/,
      '"salt":null,"body":null}\n',
    );
    const lines = expired.length;
    expect(lines).toBeLessThan(readFileSync(path, "utf8").length);
    // The chain's length on disk shrinks with it; only a single-segment chain can be rewritten so in place.
    const rest = segmentsOf(join(dir.path, name)).slice(1);
    writeFileSync(path, expired + rest.map((segment) => readFileSync(segment.path, "utf8")).join(""));
    for (const segment of rest) unlinkSync(segment.path);
    const report = await verifyJournal({ dir: dir.path });
    expect(report.problems).toEqual([]);
    expect(report.expired).toBe(1);
  });

  test("a chain rewritten without the key is found", async () => {
    using dir = temporaryDir();
    await writeJournal(join(dir.path, "mine"));
    const otherKey = await verifyJournal({ dir: join(dir.path, "mine") });
    expect(otherKey.ok).toBe(true);
    cpSync(join(dir.path, "mine"), join(dir.path, "forged"), { recursive: true });
    cpSync(join(template.path, "public-key.pem"), join(dir.path, "forged", "public-key.pem"));
    const report = await verifyJournal({ dir: join(dir.path, "forged") });
    expect(report.problems.map((problem) => problem.kind)).toContain("bad_signature");
  });

  test("verification of a journal being written finds nothing wrong", async () => {
    using dir = temporaryDir();
    const journal = FileJournal.open({ dir: dir.path, durability: "standard" });
    for (let i = 0; i < 100; i++) journal.intent(sampleIntent());
    await journal.intent(sampleIntent());
    const report = await verifyJournal({ dir: dir.path });
    expect(report.problems).toEqual([]);
    expect(report.unproven).toBe(102);
    await journal.close();
  });
});
