import { GatewayError } from "../errors/gateway-error.ts";
import type { Outcome } from "../model/call.ts";
import type { Exchange, Target } from "../model/exchange.ts";
import type { PermissionCache } from "../policy/authorize/permission-cache.ts";
import type { Policy } from "../policy/policy.ts";
import type { JsonObject } from "../protocol/json-value.ts";
import type { CallerServers } from "./caller-servers.ts";
import type { Catalog } from "./catalog.ts";
import type { CatalogEntry, CatalogPart } from "./catalog-part.ts";
import { isVisible } from "./listing.ts";
import { LoneLists } from "./replaced-parts.ts";

export const LIST_METHODS: ReadonlySet<string> = new Set([
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
]);

/**
 * Finds what a request is about and notes it on the exchange; finding nothing is the authorisation's to answer, so that
 * unknown and forbidden look alike.
 * @throws GatewayError `method_unknown`, `invalid_params`, `resource_ambiguous`
 */
export function resolvePolicy(
  servers: CallerServers,
  permissions: PermissionCache,
): Policy<Exchange, Outcome> {
  return (exchange, next) => {
    if (!LIST_METHODS.has(exchange.method)) exchange.target = resolveTarget(exchange, servers, permissions);
    return next(exchange);
  };
}

export function resolveTarget(
  exchange: Exchange,
  servers: CallerServers,
  permissions: PermissionCache,
): Target | undefined {
  const catalog = servers.catalog(exchange);
  return catalog === undefined ? undefined : resolve(exchange, catalog, servers, permissions);
}

function resolve(
  exchange: Exchange,
  catalog: Catalog,
  servers: CallerServers,
  permissions: PermissionCache,
): Target | undefined {
  const { params } = exchange;
  switch (exchange.method) {
    case "tools/call": {
      const name = requireText(params, "name");
      const entry = findNamed("tools", name, exchange, catalog, permissions);
      return targetOf("tool", entry) ?? awayTarget("tool", name, exchange, servers);
    }
    case "prompts/get": {
      const name = requireText(params, "name");
      const entry = findNamed("prompts", name, exchange, catalog, permissions);
      return targetOf("prompt", entry) ?? awayTarget("prompt", name, exchange, servers);
    }
    case "resources/read":
      return findResource(requireText(params, "uri"), exchange, catalog, servers, permissions);
    case "completion/complete":
      return findCompletion(params, exchange, catalog, servers, permissions);
    default:
      return findExtension(exchange, servers);
  }
}

/**
 * What a caller names of a server that a route has nobody serve, or that never answered: there or not, it is away for whom the
 * name is permitted, and unknown to everybody else.
 */
function awayTarget(
  kind: "tool" | "prompt",
  name: string,
  exchange: Exchange,
  servers: CallerServers,
): Target | undefined {
  const found = servers.awayNamed(exchange, kind, name);
  return found && { kind, ...found, upstream: undefined, definition: undefined, repeatable: false };
}

function requireText(params: JsonObject, key: string): string {
  const value = params[key];
  if (typeof value !== "string")
    throw new GatewayError("invalid_params", { detail: `${key} must be a string` });
  return value;
}

function findNamed(
  key: "tools" | "prompts",
  name: string,
  exchange: Exchange,
  catalog: Catalog,
  permissions: PermissionCache,
): CatalogEntry | undefined {
  const { endpoint } = exchange;
  const granted = permissions.of(exchange.principal, endpoint.namespaceSlug);
  const named = endpoint.server === undefined ? catalog.named(key, name) : undefined;
  if (named !== undefined && isVisible(granted, named)) return named;
  let candidates = catalog.bare(key, name);
  if (endpoint.server !== undefined) {
    const serverId = endpoint.server.id;
    const mine = (entry: CatalogEntry | undefined) => (entry?.server.id === serverId ? entry : undefined);
    candidates = candidates.filter(mine);
    if (candidates.length === 0) return mine(catalog.named(key, name));
  }
  const visible = candidates.filter((entry) => isVisible(granted, entry));
  return visible.length === 1 ? visible[0] : named;
}

function targetOf(kind: "tool" | "prompt" | "resource", entry: CatalogEntry | undefined): Target | undefined {
  if (entry === undefined) return undefined;
  const { server, upstream, name, definition, repeatable } = entry;
  return { kind, server, upstream, name, definition, repeatable: repeatable || kind !== "tool" };
}

/**
 * The owner of a URI (decisions, "Lists and content"): the server that lists it, a unique template match, a unique owner
 * of its scheme. One that a route has nobody serve still owns what it lists: nobody else's content comes in its place.
 */
function findResource(
  uri: string,
  exchange: Pick<Exchange, "endpoint" | "principal">,
  catalog: Catalog,
  servers: CallerServers,
  permissions: PermissionCache,
): Target | undefined {
  const { endpoint } = exchange;
  if (endpoint.server !== undefined) {
    const part = catalog.part(endpoint.server.id);
    if (part === undefined) return unlistedTarget(uri, exchange, endpoint.server, servers);
    return part.exposesResource(uri) ? resourceTarget(uri, part.server, part.upstream) : undefined;
  }
  const listed = catalog.resource(uri);
  if (listed !== undefined) return targetOf("resource", listed);
  const unserved = unservedOwner("resources", uri, exchange, catalog, servers);
  if (unserved !== undefined) return unserved;
  const granted = permissions.of(exchange.principal, endpoint.namespaceSlug);
  const reachable = [...catalog.parts]
    .concat(catalog.unserved)
    .filter((part) => granted.resource(part.server.name, uri) && part.exposesResource(uri));
  const owners = reachable.filter((part) =>
    part.entries.resourceTemplates.some((entry) => entry.matches?.(uri)),
  );
  const candidates = owners.length > 0 ? owners : reachable.filter((part) => ownsScheme(part, uri));
  const owner = candidates[0];
  if (owner === undefined) return undefined;
  if (candidates.length > 1) {
    const endpoints = candidates.map((part) => `/servers/${part.server.name}/mcp`).join(", ");
    throw new GatewayError("resource_ambiguous", { uri, endpoints }, { data: { uri } });
  }
  return ownedBy(owner, uri, exchange, catalog, servers);
}

/** Of a URI, or of a template as it is written, that a server lists whom a route has nobody serve. */
function unservedOwner(
  key: "resources" | "resourceTemplates",
  name: string,
  caller: Pick<Exchange, "endpoint" | "principal">,
  catalog: Catalog,
  servers: CallerServers,
): Target | undefined {
  const part = catalog.unserved.find((one) => LoneLists.of(one)[key].owner(name) !== undefined);
  return part && ownedBy(part, name, caller, catalog, servers);
}

function ownedBy(
  part: CatalogPart,
  uri: string,
  caller: Pick<Exchange, "endpoint" | "principal">,
  catalog: Catalog,
  servers: CallerServers,
): Target {
  return catalog.unserved.includes(part)
    ? resourceTarget(uri, servers.serving(caller, part.server), undefined)
    : resourceTarget(uri, part.server, part.upstream);
}

/** A server that never answered yet may be connecting: the call waits for it, unless a filter has to be asked first. */
function unlistedTarget(
  uri: string,
  caller: Pick<Exchange, "endpoint" | "principal">,
  called: Target["server"],
  servers: CallerServers,
): Target | undefined {
  const server = servers.serving(caller, called);
  const upstream = servers.upstream(caller, called.id);
  const { include, exclude } = server.expose.resources;
  if (upstream === undefined && server.servedBy === undefined) return undefined;
  return include.length > 0 || exclude.length > 0 ? undefined : resourceTarget(uri, server, upstream);
}

/** As a read would find it, and only where the caller may read it; an ambiguous URI has no owner. */
export function resourceOwner(
  uri: string,
  caller: Pick<Exchange, "endpoint" | "principal">,
  servers: CallerServers,
  permissions: PermissionCache,
): Target | undefined {
  const catalog = servers.catalog(caller);
  if (catalog === undefined) return undefined;
  const granted = permissions.of(caller.principal, caller.endpoint.namespaceSlug);
  try {
    const target = findResource(uri, caller, catalog, servers, permissions);
    if (target === undefined || !granted.resource(target.server.name, uri, target.definition))
      return undefined;
    const refusal = granted.refusal("resource", target.server.name, uri, target.definition, {
      args: {},
      clientAddress: "",
      now: Date.now(),
    });
    return refusal === undefined ? target : undefined;
  } catch {
    return undefined;
  }
}

function resourceTarget(uri: string, server: Target["server"], upstream: Target["upstream"]): Target {
  return { kind: "resource", server, upstream, name: uri, definition: undefined, repeatable: true };
}

function ownsScheme(part: CatalogPart, uri: string): boolean {
  const scheme = schemeOf(uri);
  const { resources, resourceTemplates } = part.entries;
  return [...resources, ...resourceTemplates].some((entry) => schemeOf(entry.name) === scheme);
}

function schemeOf(uri: string): string {
  return uri.slice(0, uri.indexOf(":") + 1);
}

function findCompletion(
  params: JsonObject,
  exchange: Exchange,
  catalog: Catalog,
  servers: CallerServers,
  permissions: PermissionCache,
): Target | undefined {
  const ref = params.ref as JsonObject | undefined;
  if (ref?.type === "ref/prompt" && typeof ref.name === "string") {
    const entry = findNamed("prompts", ref.name, exchange, catalog, permissions);
    const granted = permissions.of(exchange.principal, exchange.endpoint.namespaceSlug);
    if (entry === undefined || !isVisible(granted, entry)) return undefined;
    return { ...(targetOf("prompt", entry) as Target), kind: "completion" };
  }
  if (ref?.type === "ref/resource" && typeof ref.uri === "string") {
    const found =
      findTemplate(ref.uri, exchange, catalog, servers) ??
      findResource(ref.uri, exchange, catalog, servers, permissions);
    const granted = permissions.of(exchange.principal, exchange.endpoint.namespaceSlug);
    if (found === undefined || !granted.resource(found.server.name, ref.uri)) return undefined;
    return { ...found, kind: "completion" };
  }
  throw new GatewayError("invalid_params", {
    detail: "ref must be a ref/prompt with name or a ref/resource with uri",
  });
}

/** By the template as it is written; one server's own endpoint needs none to know whose it is. */
function findTemplate(
  uriTemplate: string,
  exchange: Exchange,
  catalog: Catalog,
  servers: CallerServers,
): Target | undefined {
  if (exchange.endpoint.server !== undefined) return undefined;
  const listed = catalog.template(uriTemplate);
  return listed === undefined
    ? unservedOwner("resourceTemplates", uriTemplate, exchange, catalog, servers)
    : resourceTarget(uriTemplate, listed.server, listed.upstream);
}

/** Methods we do not know belong to one server: on its own endpoint, and where permitted, they pass. */
function findExtension(exchange: Exchange, servers: CallerServers): Target | undefined {
  const called = exchange.endpoint.server;
  const server = called && servers.serving(exchange, called);
  const upstream = called && servers.upstream(exchange, called.id);
  const isThere = upstream !== undefined || server?.servedBy !== undefined;
  if (server === undefined || !isThere || HELD_BACK.test(exchange.method)) {
    throw new GatewayError("method_unknown", { method: exchange.method });
  }
  return {
    kind: "extension",
    server,
    upstream,
    name: exchange.method,
    definition: undefined,
    repeatable: false,
  };
}

/** Not extensions: methods of the protocol that this hop answers itself or does not serve (tasks: not yet). */
const HELD_BACK =
  /^(initialize|ping|logging\/.*|resources\/(subscribe|unsubscribe)|server\/discover|subscriptions\/.*|tasks\/.*|notifications\/.*|sampling\/.*|elicitation\/.*|roots\/.*)$/;
