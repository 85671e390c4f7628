import { GatewayError } from "../../errors/gateway-error.ts";
import type { Outcome } from "../../model/call.ts";
import type { Exchange, Target } from "../../model/exchange.ts";
import { asObject } from "../../protocol/json-value.ts";
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
      if (principal.scopes !== undefined) checkScopes(cache, exchange, principal.scopes);
      throw unknownTarget(exchange);
    }
    return next(exchange);
  };
}

/**
 * By the text of the request alone, never by what it resolved to: what is there is answered as what is not.
 * @throws GatewayError `insufficient_scope` where more scopes would help
 */
function checkScopes(cache: PermissionCache, exchange: Exchange, scopes: readonly string[]): void {
  const rules = cache.scopesOf(exchange.principal.organizationId);
  const asked = askedFor(exchange);
  if (rules === undefined || asked === undefined) return;
  const kind = KIND_OF[exchange.method] ?? "tool";
  // No scope lets a viewer call a tool.
  if (kind === "tool" && exchange.principal.role === "viewer") return;
  const { namespaceSlug, path } = exchange.endpoint;
  const needed = rules.missing(scopes, namespaceSlug, kind, asked.server, asked.name);
  if (needed.length > 0) throw rules.refusal(path, needed);
}

/** A URI names no server: at an endpoint of many, patterns of any of them may speak of it. */
function askedFor({
  method,
  params,
  endpoint,
}: Exchange): { server: string | undefined; name: string } | undefined {
  const isResource = method === "resources/read";
  const text = isResource ? params.uri : params.name;
  if (typeof text !== "string") return undefined;
  const own = endpoint.server?.name;
  if (isResource) return { server: own, name: text };
  const parts = /^([a-z0-9-]{1,32})(?::|__)(.+)$/s.exec(text);
  if (parts !== null && (own === undefined || parts[1] === own)) {
    return { server: parts[1], name: parts[2] as string };
  }
  return own === undefined ? undefined : { server: own, name: text };
}

const KIND_OF: Readonly<Record<string, Kind>> = {
  "tools/call": "tool",
  "prompts/get": "prompt",
  "resources/read": "resource",
};
const NAMED = new Set(["tools/call", "prompts/get", "resources/read", "completion/complete"]);

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

function unknownTarget({ method, params }: Exchange): GatewayError {
  if (method === "tools/call") return new GatewayError("tool_unknown", { name: String(params.name) });
  const named = method === "completion/complete" ? (asObject(params.ref) ?? {}) : params;
  if (method === "prompts/get" || (named !== params && named.type === "ref/prompt"))
    return new GatewayError("prompt_unknown", { name: String(named.name) });
  return new GatewayError("resource_unknown", { uri: String(named.uri) }, { data: { uri: named.uri } });
}
