import type { OutcomeStatus } from "./ports/journal.ts";

/** Place of a record in its journal's hash chain. */
export interface ChainPlace {
  readonly chainId: string;
  readonly chainSeq: number;
  /** The journal's own encoding of the link: all that verification needs but the payload. Outlives the payload. */
  readonly link: string;
}

/** One journal record of a call: an intent, an outcome or a refusal. Never updated; the columns are an index of `payload`. */
export interface RequestLogRecord extends ChainPlace {
  /** UUIDv7 of the record; a second append of the same id and time changes nothing. */
  readonly id: string;
  readonly at: number;
  readonly kind: "call_intent" | "call_outcome" | "call_refused";
  readonly callId: string;
  readonly correlationId: string | null;
  readonly organizationId: string;
  readonly namespaceId: string | null;
  readonly principalId: string | null;
  readonly method: string;
  readonly serverId: string | null;
  readonly serverName: string | null;
  readonly target: string | null;
  readonly status: OutcomeStatus | null;
  readonly errorCode: string | null;
  readonly durationMs: number | null;
  readonly resultBytes: number | null;
  /** The exact text the chain covers; `null` once expired. */
  readonly payload: string | null;
}

/** One journal record of an administrative act or a security event. */
export interface AuditLogRecord extends ChainPlace {
  readonly id: string;
  readonly at: number;
  readonly kind: "security" | "admin";
  readonly action: string;
  readonly actor: string | null;
  readonly organizationId: string | null;
  readonly namespaceId: string | null;
  readonly target: string | null;
  readonly correlationId: string | null;
  readonly payload: string | null;
}

/** The newest record of a chain that the store holds. */
export interface ChainHead {
  readonly chainId: string;
  readonly headSeq: number;
  readonly headHash: string;
  /** Heads of the other chains known when this one began, by chain id. */
  readonly knownHeads: Readonly<Record<string, string>>;
  readonly startedAt: number;
  readonly updatedAt: number;
  /** When the process that wrote it ended. */
  readonly closedAt: number | null;
}

/** A signed statement that a chain had this head. */
export interface ChainCheckpoint {
  readonly id: string;
  readonly chainId: string;
  readonly chainSeq: number;
  readonly headHash: string;
  readonly at: number;
  readonly keyId: string;
  readonly signature: string;
}

/** What a drainer hands over in one transaction. */
export interface RecordBatch {
  readonly requests?: readonly RequestLogRecord[];
  readonly audits?: readonly AuditLogRecord[];
  readonly heads?: readonly ChainHead[];
  readonly checkpoints?: readonly ChainCheckpoint[];
}
/** A record the store will never take as it is (not a matter of availability). */
export interface RefusedRecord {
  readonly id: string;
  readonly reason: string;
}
