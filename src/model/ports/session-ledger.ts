import type { SessionRecord } from "../session-record.ts";

/** What every process knows of a session from its row. */
export interface SessionState {
  readonly isEnded: boolean;
  readonly logLevel: string | null;
  readonly subscriptions: readonly string[];
  /** The process that holds the session's own stream, or held it last. */
  readonly streamAt: string | null;
}

/**
 * The rows of legacy clients' sessions. A session works without its row, which exists so that every process knows what
 * changed of it, an end above all, and operators see who is connected.
 */
export interface SessionLedger {
  /**
   * Resolves when other processes would find the session, or after a second where the store does not answer.
   * @throws GatewayError `sessions_exhausted` (the promise rejects): the organisation has its maximum
   */
  opened(record: SessionRecord): Promise<void>;
  /** At most one write a minute and session. */
  active(id: string): void;
  ended(organizationId: string, id: string): Promise<void>;
  /** `undefined` for a session without a row. @throws GatewayError `store_unavailable` */
  find(organizationId: string, id: string): Promise<SessionState | undefined>;
  /** What cannot be written within a second is known to this process alone, and logged. Never rejects. */
  change(
    organizationId: string,
    id: string,
    change: { readonly logLevel?: string; readonly streamAt?: string },
  ): Promise<void>;
  /** The same for one subscription more or less. */
  subscribe(organizationId: string, id: string, uri: string, isSubscribed: boolean): Promise<void>;
}
