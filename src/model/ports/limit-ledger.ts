import type { LimitRoom } from "../limit-note.ts";
import type { LimitDemand } from "./limiter.ts";

/** What was admitted and refused, by rule and subject, over days and months; the counts of quotas among it. */
export interface LimitLedger {
  /** Milliseconds until the quota's period ends where it is used up; 0 where there is room. */
  quotaWait(demand: LimitDemand): number;
  /** What is left of the quota. */
  quotaRoom(demand: LimitDemand): LimitRoom;
  /** A call counted against its quota. */
  take(demand: LimitDemand): void;
  /** The call will come again, or was refused by another rule after all. */
  giveBack(demand: LimitDemand): void;
  /** For display; of rules that are no quotas, and of quotas that refused. */
  note(demand: LimitDemand, admitted: boolean): void;
}
