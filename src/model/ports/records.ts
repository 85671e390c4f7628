import type { AuditLogEntry, CallContentEntry, ChainHead, RequestLogEntry } from "../log-entry.ts";
import type { StoredRecord } from "./record-sink.ts";

export interface LogPageRequest {
  readonly namespaceId?: string | undefined;
  /** Inclusive and exclusive bounds of `at`. */
  readonly from?: number | undefined;
  readonly before?: number | undefined;
  readonly limit?: number | undefined;
  /** The last record of the page before. */
  readonly after?: LogPlace | undefined;
}
/** Where a record stands among the newest-first: its time, then its id (calls) or its place in its chain (events). */
export interface LogPlace {
  readonly at: number;
  readonly id: string;
  readonly sequence: number;
}
export interface CallFilter {
  readonly principalId?: string | undefined;
  readonly principalName?: string | undefined;
  readonly method?: string | undefined;
  readonly server?: string | undefined;
  /** The server that a route had answer in its place. */
  readonly servedBy?: string | undefined;
  /** The server's own name of a tool, prompt or resource. */
  readonly target?: string | undefined;
  readonly status?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly clientAddress?: string | undefined;
}
export interface EventFilter {
  readonly actor?: string | undefined;
  readonly actorName?: string | undefined;
  readonly action?: string | undefined;
  readonly target?: string | undefined;
  /** See `event-facets.ts`. */
  readonly status?: string | undefined;
  readonly errorCode?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly clientAddress?: string | undefined;
}
/** Calls of one target that ended alike. */
export interface CallTally {
  readonly serverName: string | null;
  readonly target: string | null;
  readonly method: string | null;
  readonly status: string | null;
  readonly calls: number;
  readonly durationMsMean: number | null;
}
/** What the journal drained (see `record-sink.ts`, through which it is written). */
export interface Records {
  /** Newest first. */
  requests(organizationId: string, page?: LogPageRequest, filter?: CallFilter): Promise<RequestLogEntry[]>;
  /** `null`: of those that belong to no organisation. */
  audits(
    organizationId: string | null,
    page?: LogPageRequest,
    filter?: EventFilter,
  ): Promise<AuditLogEntry[]>;
  request(organizationId: string, id: string): Promise<RequestLogEntry | undefined>;
  /** What was said in these calls, sealed as it was recorded, in order. Expired contents are left out. */
  contents(organizationId: string, callIds: readonly string[]): Promise<CallContentEntry[]>;
  /** The calls begun in a time, by target and end; the most frequent first, at most 1,000 rows. */
  tallies(organizationId: string, from: number, before: number): Promise<CallTally[]>;
  /**
   * Empties payloads and salts of records before `before`, the oldest `limit` of each table, contents before the calls that say
   * where they were said; the links stay. What was said in one call goes together, as may events of one millisecond, so that
   * it can be more. `null`: of those that belong to no organisation. Returns how many.
   */
  expirePayloads(organizationId: string | null, before: number, limit: number): Promise<number>;
  heads(): Promise<ChainHead[]>;
  /** Records of a chain after a sequence, in order, for verification; at most `limit`. */
  chain(chainId: string, after: number, limit: number): Promise<StoredRecord[]>;
}
