import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { Policy } from "../policy.ts";

/**
 * The role table: each route names the roles that may; a platform administrator stands above it. The operator token reads
 * metrics and readiness; whoever scrapes those administers nothing.
 */
export function authorizeOperationPolicy<R>(): Policy<Operation, R> {
  return (operation, next) => {
    const { principal, roles } = operation;
    if (principal.kind === "system") throw new GatewayError("forbidden");
    if (!principal.platformAdmin && !roles.includes(principal.role)) throw new GatewayError("forbidden");
    return next(operation);
  };
}
