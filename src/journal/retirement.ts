import type { KeyObject } from "node:crypto";
import { appendFileSync, readFileSync, rmdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { chainsIn, fileBytes, lastLineOf, namesIn, type Segment, segmentsOf } from "./chain-dir.ts";
import { readDrained } from "./drain-position.ts";
import { leaseOf } from "./lease.ts";
import { type SigningKey, signatureHolds } from "./signing-key.ts";

/**
 * A segment removed after every sink had it, signed, so that its absence is told from a theft. `retired.jsonl` is
 * appended before the file goes.
 */
export interface Retirement {
  readonly chain: string;
  readonly from: number;
  readonly through: number;
  readonly sequence: number;
  readonly link: string;
  readonly signature: string;
}

function signedText(entry: Omit<Retirement, "signature">): string {
  return `mcp-gateway journal retirement 1\n${entry.chain}\n${entry.from}\n${entry.through}\n${entry.sequence}\n${entry.link}`;
}

const ledgerName = "retired.jsonl";

/** Retirements whose signature holds. */
export function readRetirements(journalDir: string, publicKey: KeyObject): Retirement[] {
  let text: string;
  try {
    text = readFileSync(join(journalDir, ledgerName), "utf8");
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw failure;
  }
  const entries: Retirement[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      const entry = JSON.parse(line) as Retirement;
      if (signatureHolds(publicKey, signedText(entry), entry.signature)) entries.push(entry);
    } catch {
      // a torn line says nothing: its segment then counts as missing, or still stands
    }
  }
  return entries;
}

export interface RetirementRules {
  readonly sinkNames: readonly string[];
  readonly keepMs: number;
  readonly keepBytes: number;
  readonly nowMs: number;
}

interface Candidate extends Segment {
  readonly chainId: string;
  readonly bytes: number;
  readonly ageMs: number;
  readonly mayGo: boolean;
}

/**
 * Removes drained segments, oldest first, that are older than `keepMs` or stand above `keepBytes` in total. Without a
 * sink nothing ever goes: the files are then the only record. Returns what went.
 */
export function retireSegments(
  journalDir: string,
  ownChainId: string,
  key: SigningKey,
  rules: RetirementRules,
): Retirement[] {
  if (rules.sinkNames.length === 0) return [];
  const candidates = chainsIn(journalDir).flatMap((chainId) =>
    candidatesOf(journalDir, chainId, ownChainId, rules),
  );
  let total = candidates.reduce((sum, candidate) => sum + candidate.bytes, 0);
  const gone: Retirement[] = [];
  for (const candidate of candidates) {
    if (!candidate.mayGo) continue;
    if (candidate.ageMs < rules.keepMs && total <= rules.keepBytes) continue;
    total -= candidate.bytes;
    const retirement = retire(journalDir, candidate, key);
    if (retirement !== undefined) gone.push(retirement);
  }
  for (const chainId of new Set(gone.map((entry) => entry.chain))) removeIfEmpty(journalDir, chainId);
  return gone;
}

function candidatesOf(
  journalDir: string,
  chainId: string,
  ownChainId: string,
  rules: RetirementRules,
): Candidate[] {
  const isOwn = chainId === ownChainId;
  if (!isOwn && leaseOf(journalDir, chainId).state !== "finished") return [];
  const dir = join(journalDir, chainId);
  const drained = Math.min(...rules.sinkNames.map((name) => readDrained(dir, name)));
  const segments = segmentsOf(dir);
  return segments.map((segment, index) => {
    const bytes = fileBytes(segment.path);
    const isBeingWritten = isOwn && index === segments.length - 1;
    return {
      ...segment,
      chainId,
      bytes,
      ageMs: rules.nowMs - statSync(segment.path).mtimeMs,
      mayGo: !isBeingWritten && drained >= segment.base + bytes,
    };
  });
}

function retire(journalDir: string, candidate: Candidate, key: SigningKey): Retirement | undefined {
  const last = lastLineOf(candidate.path);
  if (last === undefined) return undefined;
  const entry = {
    chain: candidate.chainId,
    from: candidate.base,
    through: candidate.base + candidate.bytes,
    sequence: last.link.sequence,
    link: last.link.link,
  };
  const signed = { ...entry, signature: key.sign(signedText(entry)) };
  appendFileSync(join(journalDir, ledgerName), `${JSON.stringify(signed)}\n`, { flush: true, mode: 0o600 });
  rmSync(candidate.path, { force: true });
  return signed;
}

function removeIfEmpty(journalDir: string, chainId: string): void {
  const dir = join(journalDir, chainId);
  if (segmentsOf(dir).length > 0 || leaseOf(journalDir, chainId).state !== "finished") return;
  for (const name of namesIn(dir)) rmSync(join(dir, name), { force: true });
  try {
    rmdirSync(dir);
  } catch {
    // another process was first, or put something there: the next round sees
  }
}
