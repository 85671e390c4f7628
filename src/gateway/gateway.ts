import type { Outcome } from "../model/call.ts";
import type { Endpoint, Exchange } from "../model/exchange.ts";
import type { Peers } from "../model/ports/peers.ts";
import type {
  EndpointDescription,
  Relay,
  SessionAttachment,
  SessionSubscriber,
  Subscriber,
  Subscription,
  SubscriptionFilter,
} from "../model/ports/relay.ts";
import type { Sealer } from "../model/ports/sealer.ts";
import type { Upstream } from "../model/ports/upstream.ts";
import type { Principal } from "../model/principal.ts";
import { compose, type LayerMeter } from "../policy/compose.ts";
import type { Next } from "../policy/policy.ts";
import type { JsonObject } from "../protocol/json-value.ts";
import { Attachments } from "./attachments.ts";
import { CallerServers } from "./caller-servers.ts";
import { MergedCatalog } from "./catalog.ts";
import { describe } from "./description.ts";
import { startOf } from "./first-answers.ts";
import { Listing } from "./listing.ts";
import { type ParkedCallLimits, ParkedCalls } from "./parked-calls.ts";
import { type CallDeps, callLayers } from "./pipeline.ts";
import { RequestStates } from "./request-state.ts";
import { resourceOwner } from "./resolve.ts";
import { route } from "./router.ts";
import { Subscriptions } from "./subscriptions.ts";

export interface GatewayDeps extends Omit<CallDeps, "states" | "parked" | "servers"> {
  readonly serverInfo: JsonObject;
  readonly sealer: Sealer;
  readonly peers: Pick<Peers, "mark">;
  readonly parkedLimits: ParkedCallLimits;
}

/** The data plane: what the transports hand their requests to. */
export class Gateway implements Relay {
  readonly #deps: GatewayDeps;
  readonly servers: CallerServers;
  readonly #run: Next<Exchange, Outcome>;
  readonly #subscriptions: Subscriptions;
  readonly #attachments: Attachments;
  readonly #parked: ParkedCalls;
  readonly meters: ReadonlyMap<string, LayerMeter>;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    const servers = new CallerServers(deps.fleet);
    this.servers = servers;
    const listing = new Listing(deps.sealer);
    deps.fleet.onSuperseded((namespaceId) => listing.forget(namespaceId));
    const states = new RequestStates(deps.sealer, deps.peers, deps.now);
    this.#parked = new ParkedCalls({ ...deps, states, limits: deps.parkedLimits });
    const layers = callLayers({ ...deps, servers, states, parked: this.#parked });
    const { run, meters } = compose(layers, route(servers, listing, deps.permissions));
    this.#run = run;
    this.meters = meters;
    const ownerOf = (uri: string, subscriber: Subscriber) =>
      resourceOwner(uri, subscriber, servers, deps.permissions)?.server;
    this.#subscriptions = new Subscriptions({ ...deps, servers, ownerOf });
    this.#attachments = new Attachments({
      upstreams: (session) => this.#upstreamsOf(session),
      sees: (session, { server }) => {
        const granted = deps.permissions.of(session.principal, session.endpoint.namespaceSlug);
        return servers.servedBy(session, server).some(({ name }) => granted.server(name));
      },
    });
    deps.fleet.onApplied(({ organizations }) => void this.#attachments.follow(organizations));
  }

  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** Calls that have put questions to their clients and have not ended. */
  get parked(): number {
    return this.#parked.size;
  }
  /** For the end of the process: calls whose clients are away are given up at their servers. */
  abandonParked(): void {
    this.#parked.close();
  }

  handle(exchange: Exchange): Outcome | Promise<Outcome> {
    return this.#run(exchange);
  }

  connecting(
    endpoint: Endpoint,
    principal: Principal,
    method: string | undefined,
  ): Promise<void> | undefined {
    const caller = { endpoint, principal };
    if (endpoint.server !== undefined) return this.servers.connecting(caller, endpoint.server.id);
    if (method === undefined || !DESCRIBING.has(method)) return undefined;
    return startOf(caller, { ...this.#deps, servers: this.servers });
  }

  describe(endpoint: Endpoint, principal: Principal): EndpointDescription {
    const { permissions, serverInfo } = this.#deps;
    const catalog = this.servers.catalog({ endpoint, principal }) ?? EMPTY;
    return describe(catalog, endpoint, permissions.of(principal, endpoint.namespaceSlug), serverInfo);
  }

  subscribe(subscriber: Subscriber, filter: SubscriptionFilter): Promise<Subscription> {
    return this.#subscriptions.subscribe(subscriber, filter);
  }

  attachSession(subscriber: SessionSubscriber): SessionAttachment {
    return this.#attachments.add(subscriber);
  }

  reaches(principal: Principal, { organizationId, namespaceId, namespaceSlug, server }: Endpoint): boolean {
    const { fleet, permissions } = this.#deps;
    const namespace = fleet.namespace({ organizationId, namespaceId });
    if (namespace === undefined || (principal.namespaceBound && principal.namespaceId !== namespaceId))
      return false;
    if (server === undefined) return true;
    if (fleet.upstream(server.id)?.server.namespaceId !== namespaceId) return false;
    return permissions.of(principal, namespaceSlug).server(server.name);
  }

  rootsChanged(session: Pick<SessionSubscriber, "principal" | "endpoint" | "sessionId">): void {
    const owner = { principalId: session.principal.id, sessionId: session.sessionId };
    for (const upstream of this.#upstreamsOf(session)) upstream.rootsChanged(owner);
  }

  /** The servers a caller may see at an endpoint. */
  #upstreamsOf(session: Pick<SessionSubscriber, "principal" | "endpoint">): Upstream[] {
    const { principal, endpoint } = session;
    const { fleet, permissions } = this.#deps;
    const granted = permissions.of(principal, endpoint.namespaceSlug);
    const servers =
      endpoint.server === undefined ? (fleet.namespace(endpoint)?.servers ?? []) : [endpoint.server];
    const upstreams = servers
      .filter((server) => granted.server(server.name))
      .flatMap((server) => this.servers.upstream(session, server.id) ?? []);
    return [...new Set(upstreams)];
  }
}

/** Their answers say what the servers of an endpoint can do, and are not corrected later. */
const DESCRIBING: ReadonlySet<string> = new Set(["initialize", "server/discover"]);

const EMPTY = new MergedCatalog({ id: "", slug: "", organizationId: "", servers: [], separator: "__" }, []);
