import { GatewayError } from "../../errors/gateway-error.ts";
import type { Outcome } from "../../model/call.ts";
import type { Exchange, Target } from "../../model/exchange.ts";
import type { Policy } from "../policy.ts";
import type { PermissionCache } from "./permission-cache.ts";
import type { Permissions } from "./permissions.ts";

/**
 * Visibility: what the caller may not use does not exist. The answer is the one an unknown name gets, on every path
 * (promises, "Letting no one in"), so names of other tenants and forbidden tools cannot be told apart.
 */
export function authorizePolicy(cache: PermissionCache): Policy<Exchange, Outcome> {
  return (exchange, next) => {
    const { target } = exchange;
    if (
      target !== undefined &&
      !permits(cache.of(exchange.principal, exchange.endpoint.namespaceSlug), target)
    ) {
      exchange.target = undefined;
    }
    if (exchange.target === undefined && NAMED.has(exchange.method)) throw unknownTarget(exchange);
    return next(exchange);
  };
}

const NAMED = new Set(["tools/call", "prompts/get", "resources/read"]);

export function permits(permissions: Permissions, target: Target): boolean {
  const server = target.server.name;
  switch (target.kind) {
    case "tool":
      return permissions.tool(server, target.name, target.definition);
    case "prompt":
      return permissions.prompt(server, target.name, target.definition);
    case "resource":
    case "template":
      return permissions.resource(server, target.name, target.definition);
    case "completion":
      return permissions.server(server);
    case "extension":
      return permissions.extension(server, target.name);
  }
}

function unknownTarget(exchange: Exchange): GatewayError {
  const { params } = exchange;
  switch (exchange.method) {
    case "tools/call":
      return new GatewayError("tool_unknown", { name: String(params.name) });
    case "prompts/get":
      return new GatewayError("prompt_unknown", { name: String(params.name) });
    default:
      return new GatewayError("resource_unknown", { uri: String(params.uri) }, { data: { uri: params.uri } });
  }
}
