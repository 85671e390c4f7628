import type { LimitUsage, RateLimitRecord } from "../rate-limit-record.ts";
import type { RateLimitFilter } from "./filters.ts";
import type { ChangeOf, PageRequest, RemovalCheck } from "./row.ts";

type Stamps = "createdAt" | "updatedAt";
export type NewRateLimit = Omit<RateLimitRecord, Stamps | "resetAt">;
export type RateLimitChange = Partial<Omit<RateLimitRecord, Stamps | "id" | "organizationId" | "createdBy">>;

export interface RateLimits {
  create(rule: NewRateLimit): Promise<RateLimitRecord>;
  find(organizationId: string, id: string): Promise<RateLimitRecord | undefined>;
  list(organizationId: string, page?: PageRequest, filter?: RateLimitFilter): Promise<RateLimitRecord[]>;
  update(
    organizationId: string,
    id: string,
    change: ChangeOf<RateLimitRecord, RateLimitChange>,
  ): Promise<RateLimitRecord | undefined>;
  /** Its usage goes with it. */
  remove(organizationId: string, id: string, check?: RemovalCheck<RateLimitRecord>): Promise<boolean>;
  /** Of a rule, whether stored or of the file: newest period first, then by subject. `null`: of the gateway itself. */
  usage(organizationId: string | null, ruleId: string, page?: UsagePageRequest): Promise<LimitUsage[]>;
  forgetUsage(organizationId: string | null, ruleId: string, subject?: string): Promise<void>;
}
export interface UsagePageRequest {
  readonly after?: Pick<LimitUsage, "periodStart" | "subject"> | undefined;
  readonly limit?: number | undefined;
  /** Of one alone. */
  readonly subject?: string | undefined;
}
