/** What stands in the `mcp_sessions` table about a legacy client's session. */
export interface SessionRecord {
  readonly id: string;
  readonly organizationId: string;
  readonly namespaceId: string;
  readonly serverId: string | undefined;
  readonly principalId: string;
  readonly revision: string;
  readonly clientName: string | undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/**
 * The rows of sessions. Writes are recorded soon, not at once: a session works without its row, which exists so that
 * an end is known everywhere and operators see who is connected.
 */
export interface SessionLedger {
  opened(record: SessionRecord): void;
  /** At most one write a minute and session. */
  active(id: string): void;
  ended(id: string): Promise<void>;
  /** For a session this process does not hold: has it been ended (or left idle too long)? */
  isEnded(id: string): Promise<boolean>;
}
