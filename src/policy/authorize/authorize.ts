import { GatewayError } from "../../errors/gateway-error.ts";
import type { Outcome } from "../../model/call.ts";
import type { Exchange, Target } from "../../model/exchange.ts";
import type { Policy } from "../policy.ts";
import type { Kind } from "./pattern.ts";
import type { PermissionCache } from "./permission-cache.ts";
import type { Permissions } from "./permissions.ts";

/**
 * Visibility: what the caller may not use does not exist. The answer is the one an unknown name gets, on every path
 * (promises, "Letting no one in"), so names of other tenants and forbidden tools cannot be told apart.
 */
export function authorizePolicy(cache: PermissionCache): Policy<Exchange, Outcome> {
  return (exchange, next) => {
    const { target, principal } = exchange;
    if (
      target !== undefined &&
      !permits(cache.of(exchange.principal, exchange.endpoint.namespaceSlug), target)
    ) {
      exchange.target = undefined;
    }
    if (exchange.target === undefined && NAMED.has(exchange.method)) {
      if (principal.scopes !== undefined) checkScopes(cache, exchange, principal.scopes, target);
      throw unknownTarget(exchange);
    }
    return next(exchange);
  };
}

/** @throws GatewayError `insufficient_scope` where more scopes would help, whether or not there is such a name */
function checkScopes(
  { scopes: rules }: PermissionCache,
  exchange: Exchange,
  scopes: readonly string[],
  target: Target | undefined,
): void {
  const asked = target === undefined ? askedFor(exchange) : { server: target.server.name, name: target.name };
  if (rules === undefined || asked === undefined) return;
  const kind = KIND_OF[exchange.method] ?? "tool";
  const { namespaceSlug, path } = exchange.endpoint;
  const missing = rules.missing(scopes, namespaceSlug, kind, asked.server, asked.name);
  if (missing.length > 0) throw rules.refusal(path, missing);
}

/** Server and name by the text of the request alone. */
function askedFor({ method, params, endpoint }: Exchange): { server: string; name: string } | undefined {
  const text = method === "resources/read" ? params.uri : params.name;
  if (typeof text !== "string") return undefined;
  if (endpoint.server !== undefined) return { server: endpoint.server.name, name: text };
  const parts = method === "resources/read" ? null : /^([a-z0-9-]{1,32})(?::|__)(.+)$/s.exec(text);
  return parts === null ? undefined : { server: parts[1] as string, name: parts[2] as string };
}

const KIND_OF: Readonly<Record<string, Kind>> = {
  "tools/call": "tool",
  "prompts/get": "prompt",
  "resources/read": "resource",
};
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
