import type { LimitAlgorithm, LimitDimension, LimitMatch, QuotaPeriod } from "./limit-rule.ts";

/** A rule of an organisation as the store keeps it. Times are milliseconds since the epoch; absent values are `null`. */
export interface RateLimitRecord {
  readonly id: string;
  readonly organizationId: string;
  readonly namespaceId: string | null;
  /** Unique within the organisation. */
  readonly name: string;
  readonly description: string;
  readonly per: readonly LimitDimension[];
  readonly match: LimitMatch;
  readonly algorithm: LimitAlgorithm;
  readonly limit: number;
  /** 0 for `concurrency` and `quota`. */
  readonly windowSeconds: number;
  readonly burst: number | null;
  readonly period: QuotaPeriod | null;
  readonly isActive: boolean;
  /** What was counted before is forgotten. */
  readonly resetAt: number | null;
  readonly createdBy: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Something counted that every process is to forget. */
export interface LimitReset {
  readonly id: string;
  readonly ruleId: string;
  /** `null`: all of the rule's. */
  readonly subject: string | null;
}

/** What one subject was admitted and refused in one period. */
export interface LimitUsage {
  readonly ruleId: string;
  readonly subject: string;
  readonly period: QuotaPeriod;
  readonly periodStart: number;
  /** `null` for what concerns no organisation alone. */
  readonly organizationId: string | null;
  readonly admitted: number;
  readonly refused: number;
}
