import type { ApiKeyType, KeyHolder } from "../api-key.ts";
import type { LimitAlgorithm } from "../limit-rule.ts";
import type { PolicyEffect } from "../policy.ts";
import type { Role } from "../principal.ts";
import type { SessionStatus } from "../session-record.ts";

/*
 * What a list is narrowed to; of several members each has to fit, and one that is `undefined` says nothing. `search` is a
 * part of a name, whatever the case of its letters A to Z.
 */

export interface OrganizationFilter {
  readonly isActive?: boolean | undefined;
  /** Of slug or name. */
  readonly search?: string | undefined;
}
export interface NamespaceFilter {
  /** Of slug or name. */
  readonly search?: string | undefined;
}
export interface UserFilter {
  readonly role?: Role | undefined;
  readonly isActive?: boolean | undefined;
  readonly platformAdmin?: boolean | undefined;
  /** Of user name or e-mail address. */
  readonly search?: string | undefined;
}
export interface ApiKeyFilter {
  readonly namespaceId?: string | undefined;
  readonly userId?: string | undefined;
  readonly type?: ApiKeyType | undefined;
  readonly role?: Role | undefined;
  /** What they are at a time. */
  readonly standing?: { readonly status: ApiKeyStatus; readonly at: number } | undefined;
  readonly holder?: KeyHolder | undefined;
  /** Of name or prefix. */
  readonly search?: string | undefined;
}
/** A revoked key is nothing else any more, and an expired one not merely inactive. */
export type ApiKeyStatus = "active" | "inactive" | "revoked" | "expired";
/** Of what an organisation has in its namespaces. */
interface NamespacedFilter {
  readonly namespaceId?: string | undefined;
  readonly isActive?: boolean | undefined;
  /** Of the name. */
  readonly search?: string | undefined;
}
export interface ServerFilter extends NamespacedFilter {
  readonly protocol?: string | undefined;
}
export interface PolicyFilter extends NamespacedFilter {
  readonly effect?: PolicyEffect | undefined;
}
export interface RateLimitFilter extends NamespacedFilter {
  readonly algorithm?: LimitAlgorithm | undefined;
}
export interface SessionFilter {
  readonly namespaceId?: string | undefined;
  readonly status?: SessionStatus | undefined;
  readonly userId?: string | undefined;
  readonly principalId?: string | undefined;
}
