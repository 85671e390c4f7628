import type { Principal } from "../principal.ts";

/** `strict`: on stable storage; `standard`: handed to the operating system; `batch`: in memory, at most one second. */
export type Durability = "strict" | "standard" | "batch";

/**
 * `call_content`: what was said in a call, where it is kept; `call_round`: questions a call put to its client, and their
 * answers; `journal`: the journal's own acts (a chain opened, recovered, retired; records
 * dropped).
 */
export type RecordKind =
  | "call_intent"
  | "call_outcome"
  | "call_refused"
  | "call_content"
  | "call_round"
  | "security"
  | "admin"
  | "journal"
  | "checkpoint";

/** Ends of a call as they stand in the record. */
export type OutcomeStatus =
  | "ok"
  | "tool_error"
  | "error"
  | "refused"
  | "cancelled"
  | "timeout"
  | "interrupted"
  | "abandoned"
  | "unknown";

/** What is known before an upstream sees the call. */
export interface CallIntent {
  /** UUIDv7; the outcome names it. */
  readonly callId: string;
  readonly correlationId: string;
  readonly principal: Principal;
  readonly namespaceId: string;
  readonly method: string;
  /** Server and tool, prompt or resource; undefined where the call never resolved. */
  readonly serverId: string | undefined;
  readonly serverName: string | undefined;
  /** The server that a route had answer in its place. */
  readonly servedBy: string | undefined;
  readonly target: string | undefined;
  /** Hex SHA-256 of the canonical arguments, or undefined where there are none. */
  readonly argumentsDigest: string | undefined;
  readonly clientAddress: string;
  readonly clientName: string | undefined;
  readonly era: string;
  readonly traceId: string | undefined;
}
export interface CallEnd {
  readonly status: OutcomeStatus;
  /** Catalogue name or JSON-RPC code, where it failed. */
  readonly errorCode: string | undefined;
  readonly durationMs: number;
  readonly resultBytes: number;
}
/** One thing said in a call: what the client sent, what the server gave back, what the client answered when asked. */
export type ContentPart = "arguments" | "result" | "error" | "answers";
/** `full`: without credentials; `redacted`: without what names, schemas and paths call secret either. */
export type KeptContent = "redacted" | "full";
/** What is kept of what is said in a call, from least to most. */
export const contentLevels = ["none", "digest", "redacted", "full"] as const;
export type ContentLevel = (typeof contentLevels)[number];

export interface CallContent {
  readonly callId: string;
  readonly organizationId: string;
  readonly part: ContentPart;
  readonly level: KeptContent;
  /** Of the text before it was cut and sealed. */
  readonly bytes: number;
  /** Sealed: neither the journal nor the store can be read without the master key. */
  readonly sealed: string;
}
/** Something that is not a call: a refusal at the door, an administrative act, a security event. */
export interface AuditEvent {
  readonly kind: "security" | "admin" | "call_round";
  readonly action: string;
  readonly actor: string | undefined;
  /** As for calls: the key's display prefix or the account's name. Never a secret. */
  readonly actorName: string | undefined;
  readonly organizationId: string | undefined;
  readonly namespaceId: string | undefined;
  readonly target: string | undefined;
  readonly correlationId: string | undefined;
  readonly clientAddress: string | undefined;
  /** How it ended, where it can fail, is its `outcome`: `ok` or the code of an error. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/**
 * The append-only audit journal. Each method returns when the record is as durable as the configured level promises:
 * `undefined` where it already is (batch), otherwise a promise resolved with the batch's write.
 * @throws GatewayError `journal_unavailable` (the promise rejects) where the record cannot be kept.
 */
export interface Journal {
  readonly durability: Durability;
  intent(intent: CallIntent): Promise<void> | undefined;
  /**
   * Once `intent` has returned: the store has it too, where the configuration asks for that (`audit.confirm`).
   * @throws GatewayError `journal_unavailable` (the promise rejects) within 2 s where the store is away
   */
  confirmed(): Promise<void> | undefined;
  outcome(intent: CallIntent, end: CallEnd): Promise<void> | undefined;
  /** A call that reached no upstream: intent and outcome as one record. */
  refused(intent: CallIntent, end: CallEnd): Promise<void> | undefined;
  /** Given before the intent or outcome it belongs to, so that whoever has that has this. */
  content(content: CallContent): Promise<void> | undefined;
  event(event: AuditEvent): Promise<void> | undefined;
}
