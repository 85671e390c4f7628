import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { Policies } from "../../model/policy.ts";
import type { Policy } from "../policy.ts";
import { ActPolicies, nounOf } from "./act-policies.ts";

/** Nouns whose lists show what is in every namespace of the organisation. */
const SHARED_NOUNS = new Set([
  "namespace",
  "server",
  "session",
  "log",
  "policy",
  "rate_limit",
  "user",
  "claim_mapping",
]);

/**
 * First the role table, then the organisation's policies, which only narrow it.
 * @param policiesOf those in force now; another object where they changed
 * @throws GatewayError `forbidden`; `denied_by_policy`, naming the policy
 */
export function authorizeOperationPolicy<R>(
  policiesOf: (organizationId: string) => Policies | undefined,
  now: () => number,
): Policy<Operation, R> {
  const compiled = new WeakMap<Policies, ActPolicies>();
  const inForce = (organizationId: string): ActPolicies | undefined => {
    const policies = policiesOf(organizationId);
    if (policies === undefined) return undefined;
    let known = compiled.get(policies);
    if (known === undefined) compiled.set(policies, (known = new ActPolicies(policies)));
    return known;
  };
  return async (operation, next) => {
    if (!passesRoleTable(operation)) throw new GatewayError("forbidden");
    const policy = await inForce(operation.organizationId)?.refusal(operation, now());
    if (policy === undefined) return next(operation);
    operation.refusedBy = policy;
    throw new GatewayError("denied_by_policy", { policy }, { data: { policy } });
  };
}

/**
 * The role table: each route names the roles that may; a platform administrator stands above it. The operator token reads
 * metrics and readiness; whoever scrapes those administers nothing. A credential of one namespace has no part in what is
 * the whole organisation's, whatever its role.
 */
export function passesRoleTable(operation: Pick<Operation, "action" | "roles" | "principal">): boolean {
  const { principal, roles } = operation;
  if (principal.kind === "system") return false;
  if (principal.namespaceBound && concernsAll(operation)) return false;
  return principal.platformAdmin || roles.includes(principal.role);
}

function concernsAll({ action, roles }: Pick<Operation, "action" | "roles">): boolean {
  return roles.every((role) => role === "admin") || SHARED_NOUNS.has(nounOf(action));
}
