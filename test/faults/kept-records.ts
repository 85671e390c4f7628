import { join } from "node:path";
import { chainsIn, linesOf, segmentsOf } from "../../src/journal/chain-dir.ts";
import { parseLine } from "../../src/journal/line.ts";
import { readPublicKey } from "../../src/journal/signing-key.ts";
import { storedRecords, verifyStore } from "../../src/journal/verify-store.ts";
import type { StoreLocation } from "../../src/storage/location.ts";
import { openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";

/** What the records say of calls: which were announced, and how each ended. */
export interface KeptCalls {
  /** Call ids by the digest of the arguments. */
  readonly callsByDigest: ReadonlyMap<string, readonly string[]>;
  /** Every end recorded for a call id; one, where all is well. */
  readonly endsByCall: ReadonlyMap<string, readonly string[]>;
  readonly records: number;
}

class Collector implements KeptCalls {
  readonly callsByDigest = new Map<string, string[]>();
  readonly endsByCall = new Map<string, string[]>();
  records = 0;

  intent(callId: string, digest: string | undefined): void {
    push(this.callsByDigest, digest ?? "", callId);
  }
  end(callId: string, status: string): void {
    push(this.endsByCall, callId, status);
  }
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

interface Payload {
  readonly callId: string;
  readonly argumentsDigest?: string;
  readonly status: string;
}

/** Reads the files of a journal nobody writes to. */
export function readJournal(dir: string): KeptCalls {
  const kept = new Collector();
  for (const chainId of chainsIn(dir)) {
    for (const segment of segmentsOf(join(dir, chainId))) {
      for (const { bytes, complete } of linesOf(segment.path)) {
        const line = complete ? parseLine(bytes) : undefined;
        if (line?.bodyBytes === undefined) continue;
        kept.records++;
        const { kind } = line.link;
        if (kind !== "call_intent" && kind !== "call_outcome" && kind !== "call_refused") continue;
        const payload: Payload = JSON.parse(Buffer.from(line.bodyBytes).toString("utf8"));
        if (kind !== "call_outcome") kept.intent(payload.callId, payload.argumentsDigest);
        if (kind !== "call_intent") kept.end(payload.callId, payload.status);
      }
    }
  }
  return kept;
}

/** Reads what a store holds of the journal, and checks its chains against the journal's public key. */
export async function readStore(
  location: StoreLocation,
  journalDir: string,
): Promise<KeptCalls & { readonly problems: readonly unknown[] }> {
  const publicKey = readPublicKey(journalDir);
  if (publicKey === undefined) throw new Error(`no public key in ${journalDir}`);
  const store = await openStore(location, createSealer([Buffer.alloc(32, 7)]));
  try {
    const kept = new Collector();
    for await (const { link, content } of storedRecords(store.records)) {
      kept.records++;
      if (content?.row === "call") kept.intent(content.id, content.call.argumentsDigest);
      // A call whose end arrived with its intent comes here twice, the second time as `call_end`.
      if (content?.row === "call" && link.kind === "call_refused" && content.end !== undefined)
        kept.end(content.id, content.end.status);
      if (content?.row === "call_end") kept.end(content.id, content.end.status);
    }
    const report = await verifyStore({ records: [storedRecords(store.records)], publicKey });
    return Object.assign(kept, { problems: report.problems });
  } finally {
    await store.close();
  }
}
