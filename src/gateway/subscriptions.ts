import type { Log } from "../model/ports/log.ts";
import type { Subscriber, Subscription, SubscriptionFilter } from "../model/ports/relay.ts";
import type { Upstream } from "../model/ports/upstream.ts";
import type { ServerDefinition } from "../model/server.ts";
import type { PermissionCache } from "../policy/authorize/permission-cache.ts";
import type { CallerServers } from "./caller-servers.ts";
import type { CatalogChange, Fleet } from "./fleet.ts";

/** Where a resource could not be subscribed again it is tried after this, then after twice as long each time. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 60_000;

/** One resource, subscribed at the server that owns it. */
interface Held {
  /** As the subscriber names it. */
  readonly server: Pick<ServerDefinition, "id" | "name">;
  /** The one that serves it now; `undefined` while there is none. */
  upstream: Upstream | undefined;
  release: () => void;
}

interface Listener {
  readonly subscriber: Subscriber;
  readonly filter: SubscriptionFilter;
  readonly resources: Map<string, Held>;
  /** Set while something is to be subscribed again later. */
  retryTimer: ReturnType<typeof setTimeout> | undefined;
  retryMs: number;
}

export interface SubscriptionsDeps {
  readonly fleet: Fleet;
  readonly servers: CallerServers;
  readonly permissions: PermissionCache;
  /** The server a resource belongs to for this subscriber. */
  readonly ownerOf: (uri: string, subscriber: Subscriber) => ServerDefinition | undefined;
  readonly log: Log;
}

/** Who wants to hear of which change. One place for both eras: a listen stream and a legacy session subscribe alike. */
export class Subscriptions {
  readonly #deps: SubscriptionsDeps;
  readonly #listeners = new Set<Listener>();

  constructor(deps: SubscriptionsDeps) {
    this.#deps = deps;
    const { fleet } = deps;
    fleet.onChange((change) => this.#onChange(change));
    // Whose lists a policy changes is seen by looking through all of them: all of the organisation read theirs again.
    fleet.onApplied(({ policiesOf }) => {
      if (policiesOf.size === 0) return;
      for (const listener of this.#listeners)
        if (policiesOf.has(listener.subscriber.endpoint.organizationId)) this.#rightsChanged(listener);
    });
    fleet.onResourceUpdated((serverId, uri, event) => {
      if (event.kind !== "resource_updated") return;
      const notification = {
        jsonrpc: "2.0" as const,
        method: "notifications/resources/updated",
        params: event.params,
      };
      for (const listener of this.#listeners) {
        const { principalId } = event;
        if (principalId !== undefined && principalId !== listener.subscriber.principal.id) continue;
        const held = listener.resources.get(uri);
        if (held?.upstream?.server.id !== serverId || !this.#mayRead(listener.subscriber, held, uri))
          continue;
        listener.subscriber.notify(notification);
      }
    });
  }

  get size(): number {
    return this.#listeners.size;
  }

  /** Resources that nobody owns, or that cannot be subscribed upstream, are left out of what is honoured. */
  async subscribe(subscriber: Subscriber, filter: SubscriptionFilter): Promise<Subscription> {
    const resources = new Map<string, Held>();
    await Promise.all(
      [...new Set(filter.resourceSubscriptions)].map(async (uri) => {
        const server = this.#deps.ownerOf(uri, subscriber);
        const upstream = server && this.#deps.servers.upstream(subscriber, server.id);
        if (server === undefined || upstream === undefined) return;
        try {
          resources.set(uri, { server, upstream, release: await upstream.subscribeResource(uri) });
        } catch (cause) {
          this.#deps.log.info(
            { server: upstream.server.name, uri, err: cause },
            "resource cannot be subscribed",
          );
        }
      }),
    );
    const listener: Listener = { subscriber, filter, resources, retryTimer: undefined, retryMs: RETRY_MS };
    this.#listeners.add(listener);
    // Somebody else may serve since the subscription was asked for.
    if (resources.size > 0) void this.#follow(listener);
    return {
      honoured: {
        ...(filter.toolsListChanged && { toolsListChanged: true }),
        ...(filter.promptsListChanged && { promptsListChanged: true }),
        ...(filter.resourcesListChanged && { resourcesListChanged: true }),
        ...(resources.size > 0 && { resourceSubscriptions: [...resources.keys()] }),
      },
      rightsChanged: () => this.#rightsChanged(listener),
      release: () => {
        clearTimeout(listener.retryTimer);
        if (this.#listeners.delete(listener)) for (const { release } of resources.values()) release();
      },
    };
  }

  #onChange(change: CatalogChange): void {
    const server = { id: change.serverId, name: change.serverName };
    for (const listener of this.#listeners) {
      const { subscriber, filter } = listener;
      if (subscriber.endpoint.namespaceId !== change.namespaceId) continue;
      if (change.reconnected) void this.#follow(listener);
      if (!this.#seesAny(subscriber, this.#deps.servers.servedBy(subscriber, server))) continue;
      if (change.tools && filter.toolsListChanged) notifyOf(subscriber, "notifications/tools/list_changed");
      if (change.prompts && filter.promptsListChanged)
        notifyOf(subscriber, "notifications/prompts/list_changed");
      if (change.resources && filter.resourcesListChanged) {
        notifyOf(subscriber, "notifications/resources/list_changed");
      }
    }
  }

  /**
   * A server whose settings changed is another connection, which knows nothing of subscriptions yet; and a route may lead to
   * another server than before.
   */
  async #follow(listener: Listener): Promise<void> {
    for (const [uri, held] of listener.resources) {
      const upstream = this.#deps.servers.upstream(listener.subscriber, held.server.id);
      if (held.upstream === upstream) continue;
      held.release();
      held.upstream = upstream;
      held.release = notHeld;
      if (upstream === undefined) continue;
      try {
        const release = await upstream.subscribeResource(uri);
        // A route that led away and back in the meantime has subscribed a second time.
        const isWanted = held.upstream === upstream && held.release === notHeld;
        if (this.#listeners.has(listener) && isWanted) held.release = release;
        else release();
        listener.retryMs = RETRY_MS;
      } catch (cause) {
        this.#deps.log.info(
          { server: upstream.server.name, uri, err: cause },
          "resource cannot be subscribed again",
        );
        if (held.upstream === upstream && held.release === notHeld) held.upstream = undefined;
        this.#followLater(listener);
      }
    }
  }

  #followLater(listener: Listener): void {
    if (!this.#listeners.has(listener) || listener.retryTimer !== undefined) return;
    listener.retryTimer = setTimeout(() => {
      listener.retryTimer = undefined;
      void this.#follow(listener);
    }, listener.retryMs);
    listener.retryTimer.unref();
    listener.retryMs = Math.min(listener.retryMs * 2, RETRY_MS_MAX);
  }

  /** Told once, whether or not it sees another list: behind other rights, other lists are to be expected. */
  #rightsChanged(listener: Listener): void {
    const { subscriber, filter } = listener;
    void this.#follow(listener);
    subscriber.rightsChanged?.();
    if (filter.toolsListChanged) notifyOf(subscriber, "notifications/tools/list_changed");
    if (filter.promptsListChanged) notifyOf(subscriber, "notifications/prompts/list_changed");
    if (filter.resourcesListChanged) notifyOf(subscriber, "notifications/resources/list_changed");
  }

  /** Asked at each update: what was permitted at the subscription may have been forbidden since. */
  #mayRead({ principal, endpoint }: Subscriber, { server }: Held, uri: string): boolean {
    const granted = this.#deps.permissions.of(principal, endpoint.namespaceSlug);
    if (!granted.resource(server.name, uri)) return false;
    const facts = { args: {}, clientAddress: "", now: Date.now() };
    return granted.refusal("resource", server.name, uri, undefined, facts) === undefined;
  }

  /** A change behind what the caller may see would tell that something is there. */
  #seesAny({ principal, endpoint }: Subscriber, servers: readonly Pick<ServerDefinition, "name">[]): boolean {
    const granted = this.#deps.permissions.of(principal, endpoint.namespaceSlug);
    return servers.some(({ name }) => granted.server(name));
  }
}

function notHeld(): void {}

function notifyOf(subscriber: Subscriber, method: string): void {
  subscriber.notify({ jsonrpc: "2.0", method });
}
