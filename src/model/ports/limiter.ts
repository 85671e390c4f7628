import type { LimitRoom } from "../limit-note.ts";
import type { LimitRule } from "../limit-rule.ts";

/** One rule that applies to something, and whose count of it. */
export interface LimitDemand {
  readonly rule: LimitRule;
  /** The values of the rule's dimensions, joined; empty where it has none. */
  readonly subject: string;
  /** Whose usage it is shown as; undefined for what is counted over all organisations. */
  readonly organizationId?: string | undefined;
}

export type LimitVerdict = LimitAdmission | LimitRefusal;
export interface LimitAdmission {
  readonly admitted: true;
  /** Gives the places under `concurrency` rules back; call it once, at the end of what was admitted. */
  readonly release: (() => void) | undefined;
  /** Of the rules that callers are told of the one closest to its limit now; undefined where there is none. */
  readonly closest: LimitRoom | undefined;
}
export interface LimitRefusal {
  readonly admitted: false;
  /** Of the rules that refused, the one to wait longest for. */
  readonly rule: LimitRule;
  /** Milliseconds until it may have room; at least 1. Unknown for `concurrency`, which says 1,000. */
  readonly retryAfterMs: number;
}

/** How one count stands. */
export interface LimitStanding {
  readonly used: number;
  /** Milliseconds until all of it is free again, if nothing more comes; 0 where nothing is used. */
  readonly resetMs: number;
}

/**
 * Counts calls under rules of any algorithm but `quota` (which `limit-ledger.ts` keeps). All rules of one decision are
 * decided in one step: either every one of them counts the call, or none does.
 *
 * `sliding_window`: in no stretch of time as long as the window are more than `limit` admitted; a place comes back at
 * most 1/32 of the window late. `fixed_window`: at most `limit` from one multiple of the window since the epoch to the
 * next. `token_bucket`: `burst` at once, `limit` coming back evenly in each window. `concurrency`: `limit` at once.
 */
export interface Limiter {
  /** Answers at once where the counts are in this process. Never throws, never rejects. */
  decide(demands: readonly LimitDemand[]): LimitVerdict | Promise<LimitVerdict>;
  standing(demand: LimitDemand): LimitStanding | Promise<LimitStanding>;
  /** Forgets what was counted: of one subject, or of the whole rule. Calls under way stay counted. */
  reset(rule: LimitRule, subject?: string): void | Promise<void>;
  close(): void;
}
