import type { KeyObject } from "node:crypto";
import type { ChainLink, CheckpointFields } from "../model/ports/record-sink.ts";
import { firstPrevious } from "./line.ts";
import { checkpointText, keyIdOf, signatureHolds } from "./signing-key.ts";

export type ProblemKind =
  /** Header or payload is not what link and digest say. */
  | "changed"
  /** Bytes that are no record. */
  | "malformed"
  /** Sequence numbers are missing. */
  | "removed"
  /** A record stands where another belongs. */
  | "reordered"
  /** The number fits, the link to the record before does not. */
  | "broken_link"
  | "bad_signature"
  /** Further from the last checkpoint than a journal writes: rewritten without the key, or the key is not the right one. */
  | "checkpoint_overdue"
  /** A signed record, or another chain, names a record this chain does not have (any more). */
  | "truncated"
  | "missing_segment"
  | "missing_chain";

export interface Problem {
  readonly kind: ProblemKind;
  readonly chainId: string;
  /** The sequence where it shows; 0 where none can be named. */
  readonly sequence: number;
  readonly detail: string;
}

export interface ChainReport {
  readonly chainId: string;
  readonly records: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Payload gone by retention; header and place still proven. */
  readonly expired: number;
  readonly checkpoints: number;
  /** Records behind the last checkpoint: consistent, but proven by no signature yet. */
  readonly unproven: number;
  readonly closedInOrder: boolean;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly records: number;
  readonly expired: number;
  readonly checkpoints: number;
  readonly unproven: number;
  readonly chains: readonly ChainReport[];
  /** The first 1,000; `problemCount` counts all. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
}

/** A record that something signed or chained elsewhere says exists. */
export interface Claim {
  readonly chainId: string;
  readonly sequence: number;
  readonly link: string;
  readonly by: string;
  /** It is said to be the chain's last. */
  readonly isEnd: boolean;
}

const problemsMax = 1_000;
/** Twice what the writer allows itself, plus the largest batch. */
const unprovenRecordsMax = 30_000;
const unprovenMs = 60_000;

export class Problems {
  readonly list: Problem[] = [];
  count = 0;

  add(kind: ProblemKind, chainId: string, sequence: number, detail: string): void {
    this.count++;
    if (this.list.length < problemsMax) this.list.push({ kind, chainId, sequence, detail });
  }
}

/** Follows one chain record by record; the same rules for files and stores. Memory is bounded by the chain's claims. */
export class ChainCheck {
  readonly #chainId: string;
  readonly #publicKey: KeyObject;
  readonly #keyId: string;
  readonly #problems: Problems;
  readonly #claims: Map<number, Claim[]>;
  #records = 0;
  #first = 0;
  #sequence = 0;
  #link = firstPrevious;
  #expired = 0;
  #checkpoints = 0;
  #proven = 0;
  #firstUnprovenTime: number | undefined;
  #overdueReported = false;
  #endIsNamed = false;
  closedInOrder = false;

  constructor(chainId: string, publicKey: KeyObject, problems: Problems, claims: readonly Claim[] = []) {
    this.#chainId = chainId;
    this.#publicKey = publicKey;
    this.#keyId = keyIdOf(publicKey);
    this.#problems = problems;
    this.#claims = Map.groupBy(claims, (claim) => claim.sequence);
  }

  /** The chain goes on after records that were removed rightly. */
  resumeAfter(sequence: number, link: string): void {
    if (this.#sequence > sequence) return;
    this.#sequence = sequence;
    this.#link = link;
    this.#proven = sequence;
    for (const claimed of this.#claims.keys()) if (claimed < sequence) this.#claims.delete(claimed);
    this.#meetClaim(sequence, link);
  }
  /** Accepts whatever record comes next as the continuation (after a problem already reported). */
  resumeAnywhere(): void {
    this.#sequence = -1;
  }

  malformed(detail: string): void {
    this.#problems.add("malformed", this.#chainId, this.#sequence + 1, detail);
  }

  /** `isSound`: its own hashes hold. `isExpired`: without payload. */
  record(link: ChainLink, isSound: boolean, isExpired: boolean): void {
    if (this.#records === 0) this.#first = link.sequence;
    this.#records++;
    if (isExpired) this.#expired++;
    this.#checkPlace(link);
    if (this.#sequence < 0) this.#proven = link.sequence - 1;
    if (!isSound) this.#add("changed", link.sequence, "its hashes do not fit its content");
    this.#sequence = link.sequence;
    this.#link = link.link;
    this.#meetClaim(link.sequence, link.link);
    this.#firstUnprovenTime ??= link.time;
    const isOverdue =
      link.sequence - this.#proven > unprovenRecordsMax || link.time - this.#firstUnprovenTime > unprovenMs;
    if (isOverdue && link.kind !== "checkpoint" && !this.#overdueReported) {
      this.#overdueReported = true;
      this.#add("checkpoint_overdue", link.sequence, `no valid checkpoint since ${this.#proven}`);
    }
  }

  /** A checkpoint record, after `record` took its place in the chain. */
  checkpoint(link: ChainLink, fields: CheckpointFields): void {
    const { atSequence, atLink, keyId, signature } = fields;
    if (keyId !== this.#keyId) {
      this.#add("bad_signature", link.sequence, `signed with key ${keyId}, not ${this.#keyId}`);
    } else if (
      atSequence !== link.sequence - 1 ||
      atLink !== link.previous ||
      !signatureHolds(this.#publicKey, checkpointText(this.#chainId, atSequence, atLink), signature)
    ) {
      this.#add("bad_signature", link.sequence, "the checkpoint's signature does not hold");
    } else {
      this.#checkpoints++;
      this.#proven = link.sequence;
      this.#firstUnprovenTime = undefined;
      this.#overdueReported = false;
    }
  }

  /** `isFinished`: its writer marked its end, or is gone and its recovery done: the end must be marked or named. */
  end(isFinished = false): ChainReport {
    const isMarked = this.closedInOrder && this.#proven === this.#sequence;
    if (isFinished && this.#records > 0 && !isMarked && !this.#endIsNamed) {
      this.#add("truncated", this.#sequence, "neither closed nor recovered here, yet nothing follows");
    }
    for (const [claim] of this.#claims.values()) {
      if (claim === undefined) continue;
      this.#add("truncated", claim.sequence, `${claim.by} names a record that is not here`);
    }
    return {
      chainId: this.#chainId,
      records: this.#records,
      firstSequence: this.#first,
      lastSequence: Math.max(0, this.#sequence),
      expired: this.#expired,
      checkpoints: this.#checkpoints,
      unproven: Math.max(0, this.#sequence - this.#proven),
      closedInOrder: this.closedInOrder,
    };
  }

  #checkPlace(link: ChainLink): void {
    if (link.chainId !== this.#chainId) {
      this.#add("reordered", link.sequence, `belongs to chain ${link.chainId}`);
      return;
    }
    if (this.#sequence < 0) return;
    const expected = this.#sequence + 1;
    if (link.sequence > expected) {
      this.#add("removed", link.sequence, `records ${expected} to ${link.sequence - 1} are not here`);
    } else if (link.sequence < expected) {
      this.#add("reordered", link.sequence, `stands where ${expected} belongs`);
    } else if (link.previous !== this.#link) {
      this.#add("broken_link", link.sequence, "does not continue the record before");
    }
  }

  #meetClaim(sequence: number, link: string): void {
    const claims = this.#claims.get(sequence);
    this.#endIsNamed = false;
    if (claims === undefined) return;
    this.#claims.delete(sequence);
    for (const claim of claims) {
      if (claim.link !== link) this.#add("changed", sequence, `${claim.by} names another link`);
      else if (claim.isEnd) this.#endIsNamed = true;
    }
  }

  #add(kind: ProblemKind, sequence: number, detail: string): void {
    this.#problems.add(kind, this.#chainId, sequence, detail);
  }
}

export function reportOf(chains: readonly ChainReport[], problems: Problems): VerifyReport {
  const sum = (of: (chain: ChainReport) => number): number =>
    chains.reduce((total, chain) => total + of(chain), 0);
  return {
    ok: problems.count === 0,
    records: sum((chain) => chain.records),
    expired: sum((chain) => chain.expired),
    checkpoints: sum((chain) => chain.checkpoints),
    unproven: sum((chain) => chain.unproven),
    chains,
    problems: problems.list,
    problemCount: problems.count,
  };
}
