import type { ClaimMappingRecord } from "./claim-mapping.ts";
import type { PolicyRecord } from "./policy.ts";
import type { RateLimitRecord } from "./rate-limit-record.ts";
import type { ServerRecord } from "./server-record.ts";
import type { Namespace, Organization } from "./tenancy.ts";

/** What the configuration of some organisations is compiled of. */
export interface TenantRows {
  readonly organizations: readonly Organization[];
  readonly namespaces: readonly Namespace[];
  readonly servers: readonly ServerRecord[];
  readonly rateLimits: readonly RateLimitRecord[];
  readonly policies: readonly PolicyRecord[];
  readonly claimMappings: readonly ClaimMappingRecord[];
}
