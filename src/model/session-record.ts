export type SessionStatus = "active" | "terminated" | "expired";

/** What changes of a client's session (table T11); what never changes is sealed in its id. */
export interface SessionRecord {
  readonly id: string;
  readonly organizationId: string;
  readonly namespaceId: string;
  /** The one server of a single-server endpoint. */
  readonly serverId: string | null;
  readonly status: SessionStatus;
  /** `streamable-http`, `sse`, `websocket`, `stdio`. */
  readonly protocol: string;
  readonly protocolVersion: string;
  /** Client's name and version as it said. */
  readonly clientId: string | null;
  readonly connectionId: string | null;
  readonly principalId: string;
  readonly userId: string | null;
  readonly logLevel: string | null;
  /** Resource URIs. */
  readonly subscriptions: readonly string[];
  /** Session of each legacy upstream by pool key. */
  readonly upstreamSessions: Readonly<Record<string, string>>;
  readonly startedAt: number;
  readonly lastActivityAt: number;
  readonly endedAt: number | null;
}
