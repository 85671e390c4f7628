import type { AuditLogEntry, CallContentEntry, ChainHead, RequestLogEntry } from "../log-entry.ts";
import type { StoredRecord } from "./record-sink.ts";

export interface LogPageRequest {
  readonly namespaceId?: string;
  /** Inclusive and exclusive bounds of `at`. */
  readonly from?: number;
  readonly before?: number;
  readonly limit?: number;
  /** The last record of the page before. */
  readonly after?: LogPlace;
}
/** Where a record stands among the newest-first: its time, then its id (calls) or its place in its chain (events). */
export interface LogPlace {
  readonly at: number;
  readonly id: string;
  readonly sequence: number;
}
export interface CallFilter {
  readonly principalId?: string;
  readonly principalName?: string;
  readonly method?: string;
  readonly server?: string;
  /** The server that a route had answer in its place. */
  readonly servedBy?: string;
  /** The server's own name of a tool, prompt or resource. */
  readonly target?: string;
  readonly status?: string;
  readonly errorCode?: string;
  readonly correlationId?: string;
  readonly clientAddress?: string;
}
export interface EventFilter {
  readonly actor?: string;
  readonly actorName?: string;
  readonly action?: string;
  readonly target?: string;
  /** See `event-facets.ts`. */
  readonly status?: string;
  readonly errorCode?: string;
  readonly correlationId?: string;
  readonly clientAddress?: string;
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
   * Empties payloads and salts of records before `before`, at most `limit` of each table, contents before the calls that say
   * where they were said; the links stay. `null`: of those that belong to no organisation. Returns how many.
   */
  expirePayloads(organizationId: string | null, before: number, limit: number): Promise<number>;
  heads(): Promise<ChainHead[]>;
  /** Records of a chain after a sequence, in order, for verification; at most `limit`. */
  chain(chainId: string, after: number, limit: number): Promise<StoredRecord[]>;
}
