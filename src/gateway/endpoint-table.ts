import { GatewayError } from "../errors/gateway-error.ts";
import type { Endpoint } from "../model/exchange.ts";
import type { Principal } from "../model/principal.ts";
import type { ServerDefinition } from "../model/server.ts";
import type { NamespaceSnapshot, Snapshot } from "../model/snapshot.ts";
import type { PermissionCache } from "../policy/authorize/permission-cache.ts";

/** What an MCP URL asks for. */
export interface EndpointRequest {
  /** Slug of `/namespaces/{slug}/…`; undefined for the caller's own namespace. */
  readonly namespace: string | undefined;
  /** Id or name of `/servers/{server}/mcp`. */
  readonly server: string | undefined;
  readonly path: string;
}

const PATHS_MAX = 1_000;

/** What one principal reached, while its permissions are the same. */
interface Known {
  readonly permissionKey: string;
  readonly byPath: Map<string, Endpoint>;
}

/**
 * Turns an MCP URL into an endpoint of the caller's organisation. What the caller may not reach is `undefined`, exactly as
 * what does not exist.
 */
export class EndpointTable {
  readonly #snapshot: () => Snapshot;
  readonly #permissions: PermissionCache;
  #cache = new WeakMap<Principal, Known>();
  #cachedFor: Snapshot | undefined;

  constructor(snapshot: () => Snapshot, permissions: PermissionCache) {
    this.#snapshot = snapshot;
    this.#permissions = permissions;
  }

  find(request: EndpointRequest, principal: Principal): Endpoint | undefined {
    const snapshot = this.#snapshot();
    if (snapshot !== this.#cachedFor) {
      this.#cache = new WeakMap();
      this.#cachedFor = snapshot;
    }
    const permissionKey = this.#permissions.keyOf(principal);
    let known = this.#cache.get(principal);
    if (known?.permissionKey !== permissionKey) {
      known = { permissionKey, byPath: new Map() };
      this.#cache.set(principal, known);
    }
    let endpoint = known.byPath.get(request.path);
    if (endpoint === undefined) {
      endpoint = this.#resolve(request, principal, snapshot);
      if (endpoint === undefined) return undefined;
      if (known.byPath.size >= PATHS_MAX) known.byPath.clear();
      known.byPath.set(request.path, endpoint);
    }
    return endpoint;
  }

  /**
   * What a caller is told who finds no endpoint: `not_found`, or which scopes a server of that name takes, by the text of
   * the request alone, whether or not there is one.
   */
  refusal({ namespace, server, path }: EndpointRequest, principal: Principal): GatewayError {
    const { scopes, role, platformAdmin, organizationId, namespaceId } = principal;
    const own = this.#snapshot().organizations.get(organizationId)?.namespacesById.get(namespaceId)?.slug;
    const slug = namespace ?? own;
    const rules = this.#permissions.scopesOf(organizationId);
    const isGoverned = scopes !== undefined && role !== "admin" && !platformAdmin;
    if (!isGoverned || rules === undefined || server === undefined || slug === undefined)
      return new GatewayError("not_found");
    const needed = rules.missingOfServer(scopes, slug, server);
    return needed.length > 0 ? rules.refusal(path, needed) : new GatewayError("not_found");
  }

  #resolve(request: EndpointRequest, principal: Principal, snapshot: Snapshot): Endpoint | undefined {
    const organization = snapshot.organizations.get(principal.organizationId);
    const namespace =
      request.namespace === undefined
        ? organization?.namespacesById.get(principal.namespaceId)
        : organization?.namespacesBySlug.get(request.namespace);
    if (namespace === undefined) return undefined;
    if (principal.namespaceBound && namespace.id !== principal.namespaceId) return undefined;
    const server =
      request.server === undefined ? undefined : this.#server(namespace, request.server, principal);
    if (request.server !== undefined && server === undefined) return undefined;
    return {
      organizationId: principal.organizationId,
      namespaceId: namespace.id,
      namespaceSlug: namespace.slug,
      server,
      path: request.path,
    };
  }

  #server(
    namespace: NamespaceSnapshot,
    idOrName: string,
    principal: Principal,
  ): ServerDefinition | undefined {
    const server = namespace.servers.find((one) => one.name === idOrName || one.id === idOrName);
    if (server === undefined) return undefined;
    return this.#permissions.of(principal, namespace.slug).server(server.name) ? server : undefined;
  }
}
