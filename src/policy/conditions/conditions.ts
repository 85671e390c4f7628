import { GatewayError } from "../../errors/gateway-error.ts";
import type { Outcome } from "../../model/call.ts";
import type { Exchange, Target } from "../../model/exchange.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import type { Kind } from "../authorize/pattern.ts";
import type { PermissionCache } from "../authorize/permission-cache.ts";
import type { Policy } from "../policy.ts";

/**
 * The second half of authorisation: policies whose conditions read the arguments, the time or the client's address.
 * @throws GatewayError `policy_denied`, naming the policy
 */
export function conditionsPolicy(permissions: PermissionCache, now: () => number): Policy<Exchange, Outcome> {
  return (exchange, next) => {
    const { target } = exchange;
    if (target === undefined) return next(exchange);
    const granted = permissions.of(exchange.principal, exchange.endpoint.namespaceSlug);
    if (granted.isUnconditional) return next(exchange);
    const kind = kindOf(target, exchange.params);
    const refusal = granted.refusal(kind, target.server.name, target.name, target.definition, {
      args: argumentsOf(exchange),
      clientAddress: exchange.clientAddress,
      now: now(),
    });
    if (refusal === undefined) return next(exchange);
    throw new GatewayError("policy_denied", { policy: refusal.name }, { data: { policy: refusal.name } });
  };
}

function kindOf(target: Target, params: JsonObject): Kind {
  if (target.kind === "template") return "resource";
  if (target.kind !== "completion") return target.kind;
  return (params.ref as JsonObject).type === "ref/prompt" ? "prompt" : "resource";
}

const NONE: JsonObject = {};

/** An extension's parameters are its arguments. */
function argumentsOf({ params, target }: Exchange): JsonObject {
  if (target?.kind === "extension") return params;
  const args = params.arguments;
  return typeof args === "object" && args !== null && !Array.isArray(args) ? args : NONE;
}
