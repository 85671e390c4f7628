import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import type { CheckpointFields, CheckpointRow } from "../model/ports/record-sink.ts";
import {
  ChainCheck,
  type ChainReport,
  type Claim,
  Problems,
  reportOf,
  type VerifyReport,
} from "./chain-check.ts";
import { chainsIn, fileBytes, type LineAt, linesOf, segmentsOf } from "./chain-dir.ts";
import { leaseOf } from "./lease.ts";
import { type Line, lineIsSound, parseLine } from "./line.ts";
import { type Retirement, readRetirements } from "./retirement.ts";
import { readPublicKey } from "./signing-key.ts";

export interface VerifyOptions {
  readonly dir: string;
  /** Default: `<dir>/public-key.pem`, which whoever may change the journal may change too. */
  readonly publicKey?: KeyObject;
  /** Checkpoints kept elsewhere (store, sinks): they prove what the files should still hold. */
  readonly checkpoints?: Iterable<CheckpointRow>;
}

/**
 * Checks every chain under a journal directory offline: change, removal, reorder, truncation, missing segments and
 * chains, up to the last checkpoint. Streams; gives way to the event loop. `docs/journal.md` says what it cannot find.
 * @throws Error where there is no public key.
 */
export async function verifyJournal(options: VerifyOptions): Promise<VerifyReport> {
  const publicKey = options.publicKey ?? readPublicKey(options.dir);
  if (publicKey === undefined) throw new Error(`no public key given, and none in ${options.dir}`);
  const retirements = Map.groupBy(readRetirements(options.dir, publicKey), (entry) => entry.chain);
  const claims = await collectClaims(options);
  const problems = new Problems();
  const chains: ChainReport[] = [];
  const chainIds = chainsIn(options.dir);
  for (const chainId of chainIds) {
    const own = claims.get(chainId) ?? [];
    const check = new ChainCheck(chainId, publicKey, problems, own);
    // Looked at before its records are: a chain that ends meanwhile was read while it went on.
    const lease = leaseOf(options.dir, chainId);
    await verifyChain(options.dir, chainId, check, retirements.get(chainId) ?? [], problems);
    chains.push(check.end(lease.state === "finished" || (lease.state === "abandoned" && lease.isClosed)));
    claims.delete(chainId);
  }
  for (const [chainId, missing] of claims) {
    const gone = retirements.get(chainId)?.at(-1)?.sequence ?? 0;
    const unexplained = missing.find((claim) => claim.sequence > gone);
    if (unexplained !== undefined) {
      problems.add("missing_chain", chainId, unexplained.sequence, `named by ${unexplained.by}`);
    }
  }
  return reportOf(chains, problems);
}

async function verifyChain(
  dir: string,
  chainId: string,
  check: ChainCheck,
  retired: readonly Retirement[],
  problems: Problems,
): Promise<void> {
  let position = 0;
  const segments = segmentsOf(join(dir, chainId));
  for (const [index, segment] of segments.entries()) {
    if (segment.base !== position) {
      const before = retired.find((entry) => entry.through === segment.base);
      if (before === undefined) {
        problems.add("missing_segment", chainId, 0, `nothing stands at ${position} before ${segment.base}`);
        check.resumeAnywhere();
      } else {
        check.resumeAfter(before.sequence, before.link);
      }
    }
    position = segment.base + fileBytes(segment.path);
    const mayBeTorn = index === segments.length - 1 && leaseOf(dir, chainId).state !== "finished";
    let lines = 0;
    for (const at of linesOf(segment.path)) {
      if (!at.complete && mayBeTorn) continue; // being written, or torn by a death not recovered yet
      verifyLine(at, check);
      if (++lines % 1_000 === 0) await new Promise(setImmediate);
    }
  }
  const last = retired.at(-1);
  if (segments.length === 0 && last !== undefined) check.resumeAfter(last.sequence, last.link);
}

function verifyLine(at: LineAt, check: ChainCheck): void {
  const line = at.complete ? parseLine(at.bytes) : undefined;
  if (line === undefined) {
    check.malformed(`${at.bytes.length} bytes at offset ${at.offset} are not a record`);
    return;
  }
  check.record(line.link, lineIsSound(line), line.bodyBytes === undefined);
  if (line.link.kind === "checkpoint") {
    const fields = bodyOf(line);
    if (fields !== undefined) check.checkpoint(line.link, fields as CheckpointFields);
    return;
  }
  check.closedInOrder =
    line.link.kind === "journal" && (bodyOf(line) as OwnPayload | undefined)?.action === "journal.closed";
}

interface OwnPayload {
  readonly action: string;
  readonly detail: {
    readonly heads?: readonly { readonly chain: string; readonly sequence: number; readonly link: string }[];
    readonly chain?: string;
    readonly sequence?: number;
    readonly link?: string;
  };
}

function bodyOf(line: Line): unknown {
  if (line.bodyBytes === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(line.bodyBytes).toString("utf8"));
  } catch {
    return undefined;
  }
}

const ownMark = Buffer.from('"kind":"journal"');

/** What chains say of each other, and what checkpoints kept elsewhere say of all. */
async function collectClaims(options: VerifyOptions): Promise<Map<string, Claim[]>> {
  const claims = new Map<string, Claim[]>();
  const add = (claim: Claim): void => {
    const list = claims.get(claim.chainId);
    if (list === undefined) claims.set(claim.chainId, [claim]);
    else list.push(claim);
  };
  for (const { link, checkpoint } of options.checkpoints ?? []) {
    const { atSequence: sequence, atLink } = checkpoint;
    add({ chainId: link.chainId, sequence, link: atLink, by: "a checkpoint kept elsewhere", isEnd: false });
  }
  for (const chainId of chainsIn(options.dir)) {
    for (const segment of segmentsOf(join(options.dir, chainId))) {
      let lines = 0;
      for (const at of linesOf(segment.path)) {
        if (++lines % 10_000 === 0) await new Promise(setImmediate);
        if (at.complete && at.bytes.includes(ownMark)) claimsOf(at, chainId).forEach(add);
      }
    }
  }
  return claims;
}

function claimsOf(at: LineAt, by: string): Claim[] {
  const line = parseLine(at.bytes);
  if (line?.link.kind !== "journal" || !lineIsSound(line)) return [];
  const payload = bodyOf(line) as OwnPayload | undefined;
  const named = `chain ${by}`;
  if (payload?.action === "journal.opened") {
    return (payload.detail.heads ?? []).map(({ chain, sequence, link }) => ({
      chainId: chain,
      sequence,
      link,
      by: named,
      isEnd: false,
    }));
  }
  const { chain, sequence, link } = payload?.detail ?? {};
  if (payload?.action !== "journal.recovered" || chain === undefined || !sequence || link === undefined)
    return [];
  return [{ chainId: chain, sequence, link, by: named, isEnd: true }];
}
