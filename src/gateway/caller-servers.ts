import type { Endpoint } from "../model/exchange.ts";
import type { Upstream } from "../model/ports/upstream.ts";
import type { Principal } from "../model/principal.ts";
import type { Route } from "../model/route.ts";
import type { ExposeFilter, ServerDefinition } from "../model/server.ts";
import { type CallerRoutes, RouteTable } from "../policy/authorize/routes.ts";
import type { Catalog } from "./catalog.ts";
import { compileFilter } from "./catalog-part.ts";
import type { Fleet } from "./fleet.ts";
import { RoutedCatalogs } from "./routed-catalogs.ts";

/** Who reaches for a server, and where. */
export interface Caller {
  readonly principal: Principal;
  readonly endpoint: Endpoint;
}

/**
 * The servers and merged lists as one caller reaches them: the one place where routes put a server in the place of
 * another. Everything behind it deals with the called server's name and id, and finds the server that answers by
 * `servedBy`. A caller without a route gets what the fleet has.
 */
export class CallerServers {
  readonly #fleet: Fleet;
  readonly #tables = new WeakMap<readonly Route[], RouteTable>();
  readonly #routed = new RoutedCatalogs();
  readonly #filters = new WeakMap<ExposeFilter, (name: string) => boolean>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    fleet.onSuperseded((namespaceId) => this.#routed.forget(namespaceId));
  }

  catalog({ principal, endpoint }: Caller): Catalog | undefined {
    const base = this.#fleet.catalog(endpoint.namespaceId);
    if (base?.namespace.routes === undefined) return base;
    const routes = this.#table(base.namespace.routes).of(principal);
    return routes === undefined ? base : this.#routed.of(base, routes);
  }

  /** The server as it serves the caller: itself, or the settings of another under its name. */
  serving(caller: Caller, server: ServerDefinition): ServerDefinition {
    return this.#routesOf(caller)?.serving.get(server.id) ?? server;
  }

  /** By the id of the called server. `undefined` where the one that serves is gone, or a route leads nowhere. */
  upstream(caller: Caller, serverId: string): Upstream | undefined {
    const id = this.#servingId(caller, serverId);
    return id === undefined ? undefined : this.#fleet.upstream(id);
  }

  /** See `Fleet.connecting`. */
  connecting(caller: Caller, serverId: string): Promise<void> | undefined {
    const id = this.#servingId(caller, serverId);
    return id === undefined ? undefined : this.#fleet.connecting(id);
  }

  /** The servers of the caller's endpoint, as it names them, which this one serves. It may be gone by then. */
  servedBy(
    caller: Caller,
    server: Pick<ServerDefinition, "id" | "name">,
  ): readonly Pick<ServerDefinition, "id" | "name">[] {
    const routes = this.#routesOf(caller);
    const called: Pick<ServerDefinition, "id" | "name">[] = [];
    if (routes?.serving.has(server.id) !== true) called.push(server);
    for (const serving of routes?.serving.values() ?? [])
      if (serving.servedBy?.id === server.id) called.push(serving);
    const { server: own } = caller.endpoint;
    return own === undefined ? called : called.filter(({ id }) => id === own.id);
  }

  /**
   * A name that belongs to a server nobody serves for the caller now, or that never answered: its lists are not known, so
   * that what the name means is taken from the name alone.
   */
  awayNamed(
    caller: Caller,
    kind: "tool" | "prompt",
    name: string,
  ): { readonly server: ServerDefinition; readonly name: string } | undefined {
    const { endpoint } = caller;
    const catalog = this.catalog(caller);
    if (catalog === undefined) return undefined;
    const { servers, separator } = catalog.namespace;
    for (const called of endpoint.server === undefined ? servers : [endpoint.server]) {
      if (catalog.part(called.id) !== undefined) continue;
      const own = ownName(name, called.name, separator) ?? (endpoint.server && name);
      if (own === undefined) continue;
      const server = this.serving(caller, called);
      const expose = kind === "tool" ? server.expose.tools : server.expose.prompts;
      if (this.#filter(expose)(own)) return { server, name: own };
    }
    return undefined;
  }

  /** Each call of a name that nobody lists asks. */
  #filter(expose: ExposeFilter): (name: string) => boolean {
    let filter = this.#filters.get(expose);
    if (filter === undefined) this.#filters.set(expose, (filter = compileFilter(expose)));
    return filter;
  }

  #servingId(caller: Caller, serverId: string): string | undefined {
    const serving = this.#routesOf(caller)?.serving.get(serverId);
    return serving === undefined ? serverId : serving.servedBy?.id;
  }

  #routesOf({ principal, endpoint }: Caller): CallerRoutes | undefined {
    const routes = this.#fleet.namespace(endpoint)?.routes;
    return routes && this.#table(routes).of(principal);
  }

  #table(routes: readonly Route[]): RouteTable {
    let table = this.#tables.get(routes);
    if (table === undefined) this.#tables.set(routes, (table = new RouteTable(routes)));
    return table;
  }
}

function ownName(name: string, server: string, separator: string): string | undefined {
  for (const prefix of [`${server}:`, `${server}${separator}`])
    if (name.startsWith(prefix) && name.length > prefix.length) return name.slice(prefix.length);
  return undefined;
}
