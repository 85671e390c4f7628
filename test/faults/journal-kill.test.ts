import { expect, test } from "bun:test";
import { join } from "node:path";
import { drainHere } from "../../src/journal/drain-thread.ts";
import { FileJournal } from "../../src/journal/file-journal.ts";
import { temporaryDir } from "../../src/journal/sample-records.ts";
import { SampleSink } from "../../src/journal/sample-sink.ts";
import { verifyJournal } from "../../src/journal/verify.ts";
import { verifyStore } from "../../src/journal/verify-store.ts";

const rounds = 20;

/** One life under load, ended by SIGKILL after `lifeMs`; what it had said until then. */
async function liveAndDie(
  dir: string,
  durability: string,
  lifeMs: number,
): Promise<Record<"U" | "A", Set<string>>> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "journal-child.ts"), dir, durability], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const said = { U: new Set<string>(), A: new Set<string>() };
  let text = "";
  const decoder = new TextDecoder();
  let killer: ReturnType<typeof setTimeout> | undefined;
  for await (const chunk of child.stdout) {
    killer ??= setTimeout(() => child.kill("SIGKILL"), lifeMs);
    text += decoder.decode(chunk, { stream: true });
  }
  await child.exited;
  for (const line of text.split("\n").slice(0, -1)) {
    if (line.startsWith("U ")) said.U.add(line.slice(2));
    if (line.startsWith("A ")) said.A.add(line.slice(2));
  }
  return said;
}

for (const durability of ["standard", "strict"] as const) {
  test(`${durability}: ${rounds} lives ended by SIGKILL under load; nothing seen without intent, nothing answered without outcome`, async () => {
    using dir = temporaryDir();
    const seen = new Set<string>();
    const answered = new Set<string>();
    for (let round = 0; round < rounds; round++) {
      const said = await liveAndDie(dir.path, durability, 20 + Math.random() * 60);
      for (const id of said.U) seen.add(id);
      for (const id of said.A) answered.add(id);
    }
    expect(answered.size).toBeGreaterThan(rounds);
    const sink = new SampleSink({ path: join(dir.path, "store.db") });
    const journal = FileJournal.open({
      dir: join(dir.path, "journal"),
      durability,
      drain: drainHere([sink], 10),
    });
    await journal.ready;
    const deadline = Date.now() + 20_000;
    while (journal.stats().undrainedBytes > 0 && Date.now() < deadline) await Bun.sleep(20);
    await journal.close();

    const store = new SampleSink({ path: join(dir.path, "store.db") });
    const statuses = store.statuses();
    expect([...seen].filter((id) => !statuses.has(id))).toEqual([]);
    expect([...answered].filter((id) => statuses.get(id) !== "ok")).toEqual([]);
    expect([...statuses.values()].filter((status) => status === null)).toEqual([]);
    const files = await verifyJournal({ dir: join(dir.path, "journal") });
    expect(files.problems).toEqual([]);
    expect(files.chains).toHaveLength(rounds + 1);
    const rows = await verifyStore({ records: store.streams(), publicKey: journal.signingKey.publicKey });
    expect(rows.problems).toEqual([]);
    expect(rows.records).toBe(files.records);
    await store.close();
  }, 60_000);
}
