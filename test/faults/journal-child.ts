/**
 * A process that lives on its journal: `bun journal-child.ts <dir> <durability> [writes [clients]]`. For each call it says on
 * stdout `U <id>` once an upstream may see it and `A <id>` once the client may have the answer, `R <id>` where refused.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { drainInThread } from "../../src/journal/drain-thread.ts";
import { FileJournal } from "../../src/journal/file-journal.ts";
import { okEnd, sampleIntent } from "../../src/journal/sample-records.ts";
import type { Durability } from "../../src/model/ports/journal.ts";

const [dir = "", durability = "standard", calls = "0", clients = "16"] = process.argv.slice(2);
const journal = FileJournal.open({
  dir: join(dir, "journal"),
  durability: durability as Durability,
  segmentBytesMax: 1 << 20,
  ...(calls === "0" && {
    drain: drainInThread({
      worker: new URL("../../src/journal/sample-sink.ts", import.meta.url),
      sinkNames: ["sample"],
      sinkOptions: { path: join(dir, "store.db") },
      intervalMs: 20,
    }),
  }),
});
await journal.ready;
let left = calls === "0" ? Number.POSITIVE_INFINITY : Number(calls);

async function client(): Promise<void> {
  while (left-- > 0) {
    const intent = sampleIntent();
    try {
      await journal.intent(intent);
      writeSync(1, `U ${intent.callId}\n`);
      await journal.outcome(intent, okEnd);
      writeSync(1, `A ${intent.callId}\n`);
    } catch {
      writeSync(1, `R ${intent.callId}\n`);
    }
  }
}
await Promise.all(Array.from({ length: Number(clients) }, client));
writeSync(1, `S ${JSON.stringify(journal.stats())}\n`);
await journal.close();
