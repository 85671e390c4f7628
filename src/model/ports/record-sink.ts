import type { CallContent, OutcomeStatus, RecordKind } from "./journal.ts";

/**
 * The place of one record in its hash chain, as it stands in the journal's line. A store keeps every field as it was
 * handed in: the verifier rebuilds the hashed text from them (`docs/journal.md`). `salt` is `undefined` once the
 * payload has expired; everything else stays as long as the row does.
 */
export interface ChainLink {
  /** UUIDv7 of the chain: one per process life. */
  readonly chainId: string;
  /** Counts from 1 without gaps within the chain. */
  readonly sequence: number;
  /** `link` of the record before; 64 zeros for the first. */
  readonly previous: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Organisation id; empty where the record belongs to none. */
  readonly tenant: string;
  readonly kind: RecordKind;
  /** Hex SHA-256 of salt and payload. */
  readonly digest: string;
  /** Hex SHA-256 of the header, which is all of the above. */
  readonly link: string;
  readonly salt: string | undefined;
  /** `previous`, `digest`, `link` and `salt` as bytes, where they were read as such. */
  readonly proof?: Uint8Array;
}

/** Where each stands in `ChainLink.proof`: from, to. Without its salt a proof ends where the salt began. */
export const proofParts = {
  previous: [0, 32],
  digest: [32, 64],
  link: [64, 96],
  salt: [96, 112],
} as const;
export const proofBytes = 112;

/** What the record says of a call before its upstream sees it. Absent values are `undefined`. */
export interface CallFields {
  readonly callId: string;
  readonly correlationId: string;
  readonly principalId: string;
  readonly principalName: string;
  readonly namespaceId: string;
  readonly method: string;
  readonly serverId: string | undefined;
  readonly serverName: string | undefined;
  /** The server that a route had answer in its place. */
  readonly servedBy: string | undefined;
  readonly target: string | undefined;
  readonly argumentsDigest: string | undefined;
  readonly clientAddress: string;
  readonly clientName: string | undefined;
  readonly era: string;
  readonly traceId: string | undefined;
}
/** How the call ended. `durationMs` has at most three decimals. */
export interface CallEndFields {
  readonly status: OutcomeStatus;
  readonly errorCode: string | undefined;
  readonly durationMs: number;
  readonly resultBytes: number;
}
export interface AuditFields {
  readonly action: string;
  readonly actor: string | undefined;
  readonly namespaceId: string | undefined;
  readonly target: string | undefined;
  readonly correlationId: string | undefined;
  readonly clientAddress: string | undefined;
  /** JSON text, to be kept verbatim (`text` or `json`, never `jsonb`: the digest covers its bytes). */
  readonly detailJson: string;
}
export interface CheckpointFields {
  /** The record the signature covers, and through the chain all before it. */
  readonly atSequence: number;
  readonly atLink: string;
  /** First 16 hex digits of the SHA-256 of the public key. */
  readonly keyId: string;
  /** Ed25519, base64. */
  readonly signature: string;
}

/**
 * A row of `request_logs`: an intent, with its outcome where both were drained together (`end`), or a refusal (one
 * record: `end` set, `endLink` undefined). Written by upsert on `id`; an `end` that is already there is kept.
 */
export interface CallRow {
  readonly row: "call";
  /** The call's UUIDv7. */
  readonly id: string;
  /** The time inside `id`, milliseconds; the same in `CallRow` and `CallEndRow`, so a table may be partitioned by it. */
  readonly startedAt: number;
  readonly call: CallFields;
  /** `call` without its `callId` as the journal's JSON, where it was read as such. */
  readonly payload?: Uint8Array;
  readonly link: ChainLink;
  readonly end: CallEndFields | undefined;
  readonly endLink: ChainLink | undefined;
}
/** The outcome of a call whose intent was drained before: an update of the row with this `id`. Only the first counts. */
export interface CallEndRow {
  readonly row: "call_end";
  readonly id: string;
  readonly startedAt: number;
  readonly end: CallEndFields;
  readonly link: ChainLink;
}
/** A row of `request_contents`; `id` is the call's, `startedAt` as in its `CallRow`. */
export interface ContentRow {
  readonly row: "content";
  readonly id: string;
  readonly startedAt: number;
  readonly content: Omit<CallContent, "callId" | "organizationId">;
  readonly link: ChainLink;
}
/** A row of `audit_logs`; `id` is `<chainId>:<sequence>`. */
export interface AuditRow {
  readonly row: "audit";
  readonly id: string;
  readonly audit: AuditFields;
  readonly link: ChainLink;
}
/** A signed checkpoint; `id` is `<chainId>:<sequence>`. */
export interface CheckpointRow {
  readonly row: "checkpoint";
  readonly id: string;
  readonly checkpoint: CheckpointFields;
  readonly link: ChainLink;
}
export type DrainedRecord = CallRow | CallEndRow | ContentRow | AuditRow | CheckpointRow;

/**
 * Where the journal drains to. `write` is idempotent by `id` (a batch is handed over again after a crash) and all or
 * nothing. At most 1,000 records a call; one call at a time; records of a chain come in order.
 * @throws RecordsRefused where the sink is well but will never take some of these records; the drain then halves the
 *   batch, quarantines the culprit and goes on. Anything else thrown is an outage: the same batch is tried again.
 */
export interface RecordSink {
  readonly name: string;
  write(batch: readonly DrainedRecord[]): Promise<void>;
  close?(): Promise<void>;
}
export class RecordsRefused extends Error {
  override readonly name = "RecordsRefused";
}

/**
 * One record as a store gives it back for verification: a merged `CallRow` is given twice, as its intent (`link`) and
 * as `CallEndRow` (`endLink`). `content` is undefined once the payload has expired.
 */
export interface StoredRecord {
  readonly link: ChainLink;
  readonly content: DrainedRecord | undefined;
}
