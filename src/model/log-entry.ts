import type { CallContent } from "./ports/journal.ts";
import type { AuditFields, CallEndFields, CallFields, ChainLink } from "./ports/record-sink.ts";

/** One call of `request_logs`. */
export interface RequestLogEntry {
  /** The call's UUIDv7. */
  readonly id: string;
  readonly organizationId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly link: ChainLink;
  /** `undefined` once the payload has expired. */
  readonly call: CallFields | undefined;
  /** `undefined` while the call runs, or where its process died and is not recovered yet. */
  readonly end: CallEndFields | undefined;
  readonly endLink: ChainLink | undefined;
}

/** One thing said in a call, of `request_contents`; sealed as it was recorded. */
export type CallContentEntry = Omit<CallContent, "organizationId">;

/** One administrative act or security event of `audit_logs`. */
export interface AuditLogEntry {
  readonly organizationId: string | undefined;
  readonly link: ChainLink;
  readonly audit: AuditFields | undefined;
}

/** The newest record of a chain that the store has taken. */
export interface ChainHead {
  readonly chainId: string;
  readonly sequence: number;
  /** `ChainLink.link` of that record. */
  readonly link: string;
  readonly updatedAt: number;
}
