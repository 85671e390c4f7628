import { GatewayError } from "../errors/gateway-error.ts";
import { type ClaimMapping, isActPattern } from "../model/claim-mapping.ts";
import { isWithin } from "../model/key-rights.ts";
import type { Operation } from "../model/operation.ts";
import { covers } from "../model/permission-cover.ts";
import type { Principal, Role } from "../model/principal.ts";
import { actsNamed, administersAll, namesAct } from "../policy/authorize/act-areas.ts";

/** What somebody has, or is to be given. */
export interface Rights {
  readonly role: Role;
  readonly permissions: readonly string[];
}

export const exceeds = (detail: string): GatewayError => new GatewayError("exceeds_creator", { detail });

/**
 * What outlasts the caller's credential is within what the caller has without it: a token's scopes end with the token.
 * @throws GatewayError `exceeds_creator` for a role, or a pattern, whose rights the caller does not have
 */
export function checkWithinOwn(principal: Principal, { role, permissions }: Partial<Rights>): void {
  if (administersAll(principal)) return;
  if (role !== undefined && !isWithin(role, principal.role)) throw exceeds(`role ${role}`);
  const own = principal.token?.permissions ?? principal.permissions;
  const beyond = permissions?.find((wanted) => !covers(own, wanted));
  if (beyond === undefined) return;
  const isScoped = covers(principal.permissions, beyond);
  throw exceeds(
    `permission ${beyond}${isScoped ? ", which is a scope's of your token and not your own" : ""}`,
  );
}

/**
 * Who signs in to a tenant's accounts, and who holds its keys, is its administrators' and its identity provider's to say:
 * whoever acts there from elsewhere makes none of them a platform administrator. @throws GatewayError `exceeds_creator`
 */
export function checkRulesNoOthers(
  { actorOrganization }: Operation,
  platformAdmin: boolean | undefined,
): void {
  if (platformAdmin === true && actorOrganization !== undefined)
    throw exceeds("platform_admin in another organisation");
}

/** Administrators are changed by those alone who may do everything. @throws GatewayError `exceeds_creator` */
export function checkWithinReach(principal: Principal, of: Pick<Rights, "role">): void {
  if (of.role === "admin" && !administersAll(principal)) throw exceeds("role admin");
}

/** Scopes permit the act, whatever the role does. */
export function isPermittedByScopes({ acts = [] }: Principal, action: string): boolean {
  return acts.some((pattern) => namesAct(pattern, action));
}

/**
 * A mapping gives its rights to whoever has the claims, its writer among them: nothing of it may be beyond the writer's own.
 * @throws GatewayError `exceeds_creator`
 */
export function checkMappingWithinOwn(
  principal: Principal,
  { permissions, defaultScope }: ClaimMapping,
): void {
  if (administersAll(principal)) return;
  if (defaultScope !== undefined) throw exceeds("a default scope");
  for (const pattern of Object.keys(permissions)) {
    if (!isActPattern(pattern)) checkOpensOwn(principal, pattern);
    else if (!actsNamed(pattern).every((action) => isPermittedByScopes(principal, action)))
      throw exceeds(`permission ${pattern}`);
  }
}

/**
 * What opens servers to others, of whatever role: the caller itself may use all of it, tools among them.
 * @throws GatewayError `exceeds_creator`
 */
export function checkOpensOwn(principal: Principal, pattern: string): void {
  if (administersAll(principal)) return;
  if (principal.role === "viewer" || !covers(principal.permissions, pattern))
    throw exceeds(`permission ${pattern}`);
}
