import type { SessionRecord } from "../session-record.ts";
import type { SessionFilter } from "./filters.ts";
import type { PageRequest } from "./row.ts";

type SessionChange = Partial<Pick<SessionRecord, "logLevel" | "connectionId" | "upstreamSessions">>;

/** Sessions of older clients. */
export interface Sessions {
  /**
   * Where the organisation has its `maxSessions`, one that nobody used for five minutes gives up its place.
   * @returns the id of that one @throws GatewayError `sessions_exhausted` where all are in use
   */
  create(session: SessionRecord): Promise<string | undefined>;
  find(organizationId: string, id: string): Promise<SessionRecord | undefined>;
  list(organizationId: string, page?: PageRequest, filter?: SessionFilter): Promise<SessionRecord[]>;
  /** Active ones. */
  count(organizationId: string): Promise<number>;
  /** Changes an active session; false where it is not active or not there. */
  update(organizationId: string, id: string, change: SessionChange): Promise<boolean>;
  /** Adds a resource to an active session's subscriptions, or takes it away; of two at once both count. */
  subscribe(organizationId: string, id: string, uri: string, isSubscribed: boolean): Promise<boolean>;
  /** False where it had ended already. */
  end(organizationId: string, id: string, status: "terminated" | "expired", at: number): Promise<boolean>;
}
