import type { LimitRule } from "./limit-rule.ts";

/** What a rule leaves to whoever it just counted. */
export interface LimitRoom {
  readonly rule: LimitRule;
  /** Calls that may still be made under it; of several processes that each count a share, of this one's. */
  readonly remaining: number;
  /** Milliseconds until there is room for more; 0 where nobody knows, of calls under way. */
  readonly returnsMs: number;
}

/** Where the decisions on one request leave how it stands: under the rule that is closest to its limit. */
export interface LimitNote {
  closestLimit: LimitRoom | undefined;
}

/** Whether so much left of one rule's limit is a smaller part than that of another's. */
export function isCloser(remaining: number, rule: LimitRule, other: LimitRoom): boolean {
  return remaining * other.rule.limit < other.remaining * rule.limit;
}

/** Of two the one that is closer to its limit; the first where they are as close. */
export function closerOf(held: LimitRoom | undefined, other: LimitRoom | undefined): LimitRoom | undefined {
  if (held === undefined || other === undefined) return held ?? other;
  return isCloser(other.remaining, other.rule, held) ? other : held;
}

/**
 * Whether a caller may be told how a rule stands that has not refused it. What all organisations use together tells
 * each of the others' doings.
 */
export function isToldToCallers({ organizationId, per }: LimitRule): boolean {
  return organizationId !== undefined || per.length > 0;
}
