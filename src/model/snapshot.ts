import type { ClaimMappingInForce } from "./claim-mapping.ts";
import type { LimitRule } from "./limit-rule.ts";
import type { Policies, Policy } from "./policy.ts";
import type { Route } from "./route.ts";
import type { ServerDefinition } from "./server.ts";

/** The compiled configuration the data plane reads; replaced as a whole, never changed. */
export interface Snapshot {
  readonly version: number;
  readonly organizations: ReadonlyMap<string, OrganizationSnapshot>;
  /** Rules of the gateway that count by address alone. */
  readonly addressLimits?: readonly LimitRule[];
}
export interface OrganizationSnapshot {
  readonly id: string;
  readonly slug: string;
  readonly namespacesById: ReadonlyMap<string, NamespaceSnapshot>;
  readonly namespacesBySlug: ReadonlyMap<string, NamespaceSnapshot>;
  /** The rules that apply to it, the gateway's among them. */
  readonly limits?: readonly LimitRule[];
  /** Absent where it has none: roles and permissions alone decide. */
  readonly policies?: Policies | undefined;
  /** Absent where nothing is said of claims: tokens of providers are worth what their users are permitted. */
  readonly claimMapping?: ClaimMappingInForce | undefined;
  /** Its policies of the effect `route`; they do not count for what happens where no policy applies. */
  readonly routing?: readonly Policy[] | undefined;
}
export interface NamespaceSnapshot {
  readonly id: string;
  readonly slug: string;
  readonly organizationId: string;
  readonly servers: readonly ServerDefinition[];
  /** Between server and tool on the wire, default `__`. */
  readonly separator: string;
  /** Routes of its servers, those of one server in the order in which they decide. Absent where it has none. */
  readonly routes?: readonly Route[] | undefined;
}
