import { mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chainsIn, fileBytes, type LineAt, linesOf, segmentsOf } from "./chain-dir.ts";
import { forgetDrained } from "./drain-position.ts";
import { leaseOf, takeOver, thisBootId } from "./lease.ts";
import { lineIsSound, parseLine } from "./line.ts";

/** A dead process's chain, taken over and made whole. */
export interface RecoveredChain {
  readonly chainId: string;
  /** Calls with an intent and no outcome; the tenant goes into the outcome that closes them. */
  readonly openCalls: readonly { readonly callId: string; readonly tenant: string }[];
  /** Last record, which the taking process's chain names. */
  readonly sequence: number;
  readonly link: string;
  /** Where the chain ends, bytes from its start. */
  readonly end: number;
  /** Bytes cut off behind the last whole record, kept under `quarantine/`. */
  readonly tornBytes: number;
  readonly closedInOrder: boolean;
}

export interface TakenChain {
  readonly chainId: string;
  /** The process that took it before and died over it, by its chain. */
  readonly takenOverFrom: string | undefined;
}

/** Ids of the chains under `journalDir` whose writer is gone; see `lease.ts`. Each is now this process's to finish. */
export function takeAbandoned(journalDir: string, ownChainId: string): TakenChain[] {
  const taken: TakenChain[] = [];
  for (const chainId of chainsIn(journalDir)) {
    if (chainId === ownChainId) continue;
    const lease = leaseOf(journalDir, chainId);
    if (lease.state !== "abandoned") continue;
    if (!takeOver(journalDir, chainId, lease.file, ownChainId)) continue;
    if (lease.bootId !== thisBootId()) {
      // What was drained or closed since may not have reached a disk before the power went.
      forgetDrained(join(journalDir, chainId));
      rmSync(join(journalDir, chainId, markerName), { force: true });
    }
    taken.push({ chainId, takenOverFrom: lease.takenOverBy });
  }
  return taken;
}

const markerName = "recovered";

/** The file `recovered` of a chain. */
interface Marker {
  readonly end: number;
  /** The chain that holds the outcomes of its open calls, once it does. */
  readonly closedBy?: string;
}

export function markerOf(chainDir: string): Marker | undefined {
  try {
    return JSON.parse(readFileSync(join(chainDir, markerName), "utf8")) as Marker;
  } catch {
    return undefined;
  }
}

export function mark(chainDir: string, marker: Marker): void {
  const path = join(chainDir, markerName);
  writeFileSync(`${path}.draft`, JSON.stringify(marker));
  renameSync(`${path}.draft`, path);
}

/**
 * Reads a taken chain through, cuts its torn tail, and finds the calls left open. Gives way to the event loop every
 * few thousand lines. What an earlier, interrupted recovery closed already, in some later chain, is left out.
 */
export async function recoverChain(
  journalDir: string,
  chainId: string,
  takenOverFrom: string | undefined,
): Promise<RecoveredChain> {
  const dir = join(journalDir, chainId);
  const open = new Map<string, string>();
  const scan = { sequence: 0, link: "", closedInOrder: false };
  const segments = segmentsOf(dir);
  let tornBytes = 0;
  let end = 0;
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    let soundEnd = 0;
    let lines = 0;
    for (const at of linesOf(segment.path)) {
      if (readRecord(at, open, scan, isLast)) soundEnd = at.offset + at.bytes.length + 1;
      if (++lines % 2_000 === 0) await new Promise(setImmediate);
    }
    end = segment.base + fileBytes(segment.path);
    if (isLast) {
      tornBytes = cutTail(journalDir, chainId, segment.path, soundEnd);
      end -= tornBytes;
    }
  }
  if (takenOverFrom !== undefined) {
    for (const later of chainsIn(journalDir)) {
      if (later > chainId && open.size > 0) subtractClosed(join(journalDir, later), open);
    }
  }
  const recovered: RecoveredChain = {
    chainId,
    openCalls: [...open].map(([callId, tenant]) => ({ callId, tenant })),
    ...scan,
    end,
    tornBytes,
  };
  mark(dir, { end });
  return recovered;
}

const callIdStart = Buffer.from('"callId":"');

/** Returns whether the line is whole. Hashes are checked in the last segment only: there a tail may be torn. */
function readRecord(
  at: LineAt,
  open: Map<string, string>,
  scan: { sequence: number; link: string; closedInOrder: boolean },
  checksHashes: boolean,
): boolean {
  if (!at.complete) return false;
  const line = parseLine(at.bytes);
  if (line === undefined || (checksHashes && !lineIsSound(line))) return false;
  const { kind, tenant, sequence, link } = line.link;
  scan.sequence = sequence;
  scan.link = link;
  const body = line.bodyBytes;
  if (kind === "call_intent" || kind === "call_outcome") {
    const callId = body === undefined ? undefined : callIdOf(body);
    if (callId === undefined) return true;
    if (kind === "call_intent") open.set(callId, tenant);
    else open.delete(callId);
  }
  if (kind !== "checkpoint") {
    scan.closedInOrder = kind === "journal" && body !== undefined && isClosing(body);
  }
  return true;
}

function isClosing(body: Uint8Array): boolean {
  return Buffer.from(body.buffer, body.byteOffset, body.length).includes('"action":"journal.closed"');
}

function callIdOf(body: Uint8Array): string | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const at = bytes.indexOf(callIdStart);
  if (at < 0) return undefined;
  const from = at + callIdStart.length;
  const end = bytes.indexOf(0x22, from);
  const text = bytes.toString("utf8", from, end);
  return text.includes("\\") ? (JSON.parse(bytes.toString()) as { callId: string }).callId : text;
}

/** Cuts what stands behind the last sound record, and keeps it for whoever wants to look. */
function cutTail(journalDir: string, chainId: string, path: string, soundEnd: number): number {
  if (fileBytes(path) === soundEnd) return 0;
  const torn = readFileSync(path).subarray(soundEnd);
  const quarantine = join(journalDir, "quarantine");
  mkdirSync(quarantine, { recursive: true, mode: 0o700 });
  writeFileSync(join(quarantine, `${chainId}-tail-${soundEnd}`), torn, { mode: 0o600 });
  truncateSync(path, soundEnd);
  return torn.length;
}

function subtractClosed(chainDir: string, open: Map<string, string>): void {
  for (const segment of segmentsOf(chainDir)) {
    for (const at of linesOf(segment.path)) {
      const line = at.complete ? parseLine(at.bytes) : undefined;
      if (line?.link.kind !== "call_outcome" || line.bodyBytes === undefined) continue;
      const callId = callIdOf(line.bodyBytes);
      if (callId !== undefined) open.delete(callId);
    }
  }
}
