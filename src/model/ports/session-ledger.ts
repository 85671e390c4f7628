import type { SessionRecord } from "../session-record.ts";

/**
 * The rows of legacy clients' sessions. Beginnings and uses are recorded soon, not at once: a session works without its
 * row, which exists so that an end is known everywhere and operators see who is connected.
 */
export interface SessionLedger {
  opened(record: SessionRecord): void;
  /** At most one write a minute and session. */
  active(id: string): void;
  ended(organizationId: string, id: string): Promise<void>;
  /** For a session this process does not hold: has it ended? Also true where it cannot be found out within the store's time limit. */
  isEnded(organizationId: string, id: string): Promise<boolean>;
}
