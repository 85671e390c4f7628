import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { Policies } from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import type { Policy } from "../policy.ts";
import { namesAct } from "./act-areas.ts";
import { ActPolicies, nounOf } from "./act-policies.ts";
import { keepAtHome, mayActElsewhere } from "./acted-in.ts";
import { refusalInPerson } from "./in-person.ts";
import type { ScopeRules } from "./scope-rules.ts";

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
 * First the role table and what scopes add to it, then the organisation's policies, which only narrow both, then who it
 * is. Who acts in another organisation is bound by the policies of both: its own follow it, else naming another would be a way
 * around them.
 * @param policiesOf those in force now; another object where they changed
 * @param scopesOf what scopes open now
 * @throws GatewayError `forbidden`; `sign_in_required`; `password_change_required`; `insufficient_scope`, naming what a token needs; `denied_by_policy`, naming the policy
 */
export function authorizeOperationPolicy<R>(
  policiesOf: (organizationId: string) => Policies | undefined,
  scopesOf: (organizationId: string) => ScopeRules,
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
    if (!passesRoleTable(operation)) {
      operation.permittedBy = permittingPattern(operation);
      if (operation.permittedBy === undefined) throw refusalOf(operation, scopesOf);
    }
    const { organizationId, principal } = operation;
    const at = now();
    const isElsewhere = organizationId !== principal.organizationId;
    const own = isElsewhere ? await inForce(principal.organizationId)?.refusal(operation, at) : undefined;
    if (own !== undefined) keepAtHome(operation);
    const policy = own ?? (await inForce(organizationId)?.refusal(operation, at));
    if (policy !== undefined) {
      operation.refusedBy = policy;
      throw new GatewayError("denied_by_policy", { policy }, { data: { policy } });
    }
    const notInPerson = refusalInPerson(operation.inPerson, principal);
    if (notInPerson !== undefined) throw notInPerson;
    return next(operation);
  };
}

type Asked = Pick<Operation, "action" | "roles" | "principal">;
type AskedInPerson = Asked & Pick<Operation, "inPerson">;

/**
 * The role table: each route names the roles that may; a platform administrator stands above it. The operator token reads
 * metrics and readiness; whoever scrapes those administers nothing, nor does a token for some of an administrator's patterns.
 * A credential of one namespace has no part in what is the whole organisation's, whatever its role.
 */
export function passesRoleTable(operation: Asked): boolean {
  const { principal, roles } = operation;
  if (principal.kind === "system") return false;
  if (principal.namespaceBound && concernsAll(operation)) return false;
  const role = principal.isNarrowed === true && principal.role === "admin" ? "api_user" : principal.role;
  return principal.platformAdmin || roles.includes(role);
}

/** Before policies are asked: by its role, or by its scopes. */
export function isGranted(asked: Asked): boolean {
  return passesRoleTable(asked) || permittingPattern(asked) !== undefined;
}

/** The same for who it is: what is done in person a key may not, though its role might. */
export function mayDo(asked: AskedInPerson): boolean {
  return isGranted(asked) && refusalInPerson(asked.inPerson, asked.principal) === undefined;
}

/** Whether what has begun may go on where its caller's rights are others now; policies are not asked again. */
export function mayGoOn(operation: Operation, principal: Principal): boolean {
  const { action, roles, inPerson, actorOrganization } = operation;
  const isInPlace = actorOrganization === undefined || mayActElsewhere(principal);
  return isInPlace && mayDo({ action, roles, inPerson, principal });
}

/** The pattern by which the caller's scopes permit what an administrator may do. */
export function permittingPattern({ action, roles, principal }: Asked): string | undefined {
  if (!isOpenToScopes({ roles, principal })) return undefined;
  return principal.acts?.find((pattern) => namesAct(pattern, action));
}

/** A credential of one namespace has no part in administration, and what no administrator may do no scope permits. */
function isOpenToScopes({ roles, principal }: Pick<Asked, "roles" | "principal">): boolean {
  return principal.scopes !== undefined && !principal.namespaceBound && roles.includes("admin");
}

function refusalOf(
  { action, roles, principal }: Asked,
  scopesOf: (organizationId: string) => ScopeRules,
): GatewayError {
  if (principal.mustChangePassword === true) return new GatewayError("password_change_required");
  if (principal.scopes === undefined || !isOpenToScopes({ roles, principal }))
    return new GatewayError("forbidden");
  const rules = scopesOf(principal.organizationId);
  const needed = rules.missingOfAct(principal.scopes, action);
  // The resource is the gateway as a whole: a token of one endpoint administers nothing.
  return needed.length > 0 ? rules.refusal("/", needed) : new GatewayError("forbidden");
}

function concernsAll({ action, roles }: Pick<Operation, "action" | "roles">): boolean {
  return roles.every((role) => role === "admin") || SHARED_NOUNS.has(nounOf(action));
}
