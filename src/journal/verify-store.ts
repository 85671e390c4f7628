import type { KeyObject } from "node:crypto";
import type { StoredRecord } from "../model/ports/record-sink.ts";
import { ChainCheck, type ChainReport, Problems, reportOf, type VerifyReport } from "./chain-check.ts";
import { bodyOfRow } from "./drain-record.ts";
import { headText, sha256Hex } from "./line.ts";

export interface VerifyStoreOptions {
  /**
   * Each in order of (chain id, sequence): typically intents, outcomes, audit rows and checkpoints, one query each.
   * They are merged here, one record of each in memory.
   */
  readonly records: readonly AsyncIterable<StoredRecord>[];
  readonly publicKey: KeyObject;
  /** Rows before the first that is there were removed by retention. */
  readonly mayStartLate?: boolean;
}

/** A store's record pages (`Records` of `model/ports/store.ts`) as one stream for `verifyStore`, 1,000 at a time. */
export async function* storedRecords(source: {
  heads(): Promise<readonly { readonly chainId: string }[]>;
  chain(chainId: string, after: number, limit: number): Promise<readonly StoredRecord[]>;
}): AsyncGenerator<StoredRecord> {
  const chainIds = (await source.heads()).map((head) => head.chainId).sort();
  for (const chainId of chainIds) {
    for (let after = 0; ; ) {
      const page = await source.chain(chainId, after, 1_000);
      yield* page;
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.link.sequence;
    }
  }
}

/** Checks the records a store kept, rebuilding every hashed text from the columns; what `verifyJournal` finds in files. */
export async function verifyStore(options: VerifyStoreOptions): Promise<VerifyReport> {
  const problems = new Problems();
  const chains: ChainReport[] = [];
  let chainId: string | undefined;
  let check: ChainCheck | undefined;
  for await (const record of merged(options.records)) {
    if (record.link.chainId !== chainId || check === undefined) {
      if (check !== undefined) chains.push(check.end());
      chainId = record.link.chainId;
      check = new ChainCheck(chainId, options.publicKey, problems);
      if (options.mayStartLate) check.resumeAnywhere();
    }
    verifyRecord(record, check);
  }
  if (check !== undefined) chains.push(check.end());
  return reportOf(chains, problems);
}

function verifyRecord({ link, content }: StoredRecord, check: ChainCheck): void {
  const isExpired = content === undefined || link.salt === undefined;
  const headHolds = sha256Hex(headText(link)) === link.link;
  const isSound = headHolds && (isExpired || sha256Hex(link.salt + bodyOfRow(content)) === link.digest);
  check.record(link, isSound, isExpired);
  if (content?.row === "checkpoint") check.checkpoint(link, content.checkpoint);
  else check.closedInOrder = content?.row === "audit" && content.audit.action === "journal.closed";
}

interface Source {
  readonly iterator: AsyncIterator<StoredRecord>;
  next: StoredRecord;
}

async function* merged(streams: readonly AsyncIterable<StoredRecord>[]): AsyncGenerator<StoredRecord> {
  const sources: Source[] = [];
  for (const stream of streams) {
    const iterator = stream[Symbol.asyncIterator]();
    const first = await iterator.next();
    if (!first.done) sources.push({ iterator, next: first.value });
  }
  while (sources.length > 0) {
    let least = 0;
    for (let index = 1; index < sources.length; index++) {
      if (comesBefore(sources[index], sources[least])) least = index;
    }
    const source = sources[least];
    if (source === undefined) return;
    yield source.next;
    const following = await source.iterator.next();
    if (following.done) sources.splice(least, 1);
    else source.next = following.value;
  }
}

function comesBefore(a: Source | undefined, b: Source | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const left = a.next.link;
  const right = b.next.link;
  if (left.chainId !== right.chainId) return left.chainId < right.chainId;
  return left.sequence < right.sequence;
}
