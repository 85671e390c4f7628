import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { Policy } from "../policy.ts";

/** Nouns whose lists show what is in every namespace of the organisation. */
const SHARED_NOUNS = new Set(["namespace", "server", "session", "log", "policy", "rate_limit", "user"]);

/**
 * The role table: each route names the roles that may; a platform administrator stands above it. The operator token reads
 * metrics and readiness; whoever scrapes those administers nothing. A credential of one namespace has no part in what is
 * the whole organisation's, whatever its role.
 */
export function authorizeOperationPolicy<R>(): Policy<Operation, R> {
  return (operation, next) => {
    const { principal, roles } = operation;
    if (principal.kind === "system") throw new GatewayError("forbidden");
    if (principal.namespaceBound && concernsAll(operation)) throw new GatewayError("forbidden");
    if (!principal.platformAdmin && !roles.includes(principal.role)) throw new GatewayError("forbidden");
    return next(operation);
  };
}

function concernsAll({ action, roles }: Operation): boolean {
  return roles.every((role) => role === "admin") || SHARED_NOUNS.has(action.slice(0, action.indexOf(".")));
}
