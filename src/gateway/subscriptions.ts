import type { Endpoint } from "../model/exchange.ts";
import type { Log } from "../model/ports/log.ts";
import type { Subscriber, Subscription, SubscriptionFilter } from "../model/ports/relay.ts";
import type { Upstream } from "../model/ports/upstream.ts";
import type { PermissionCache } from "../policy/authorize/permission-cache.ts";
import type { CatalogChange, Fleet } from "./fleet.ts";

/** One resource, subscribed at the server that owns it. */
interface Held {
  readonly serverId: string;
  upstream: Upstream;
  release: () => void;
}
interface Listener {
  readonly subscriber: Subscriber;
  readonly filter: SubscriptionFilter;
  readonly resources: Map<string, Held>;
}

/** Who wants to hear of which change. One place for both eras: a listen stream and a legacy session subscribe alike. */
export class Subscriptions {
  readonly #fleet: Fleet;
  readonly #permissions: PermissionCache;
  readonly #ownerOf: (uri: string, subscriber: Subscriber) => string | undefined;
  readonly #log: Log;
  readonly #listeners = new Set<Listener>();

  /** @param ownerOf finds the server (by id) a resource belongs to for this subscriber. */
  constructor(
    fleet: Fleet,
    permissions: PermissionCache,
    ownerOf: (uri: string, subscriber: Subscriber) => string | undefined,
    log: Log,
  ) {
    this.#fleet = fleet;
    this.#permissions = permissions;
    this.#ownerOf = ownerOf;
    this.#log = log;
    fleet.onChange((change) => this.#onChange(change));
    // Whose lists a policy changes is seen by looking through all of them: all of the organisation read theirs again.
    fleet.onApplied(({ policiesOf }) => {
      if (policiesOf.size === 0) return;
      for (const listener of this.#listeners)
        if (policiesOf.has(listener.subscriber.endpoint.organizationId)) rightsChanged(listener);
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
        if (held?.serverId !== serverId || !this.#mayRead(listener.subscriber, held.upstream, uri)) continue;
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
        const serverId = this.#ownerOf(uri, subscriber);
        const upstream = serverId === undefined ? undefined : this.#fleet.upstream(serverId);
        if (serverId === undefined || upstream === undefined) return;
        try {
          resources.set(uri, { serverId, upstream, release: await upstream.subscribeResource(uri) });
        } catch (cause) {
          this.#log.info({ server: upstream.server.name, uri, err: cause }, "resource cannot be subscribed");
        }
      }),
    );
    const listener: Listener = { subscriber, filter, resources };
    this.#listeners.add(listener);
    return {
      honoured: {
        ...(filter.toolsListChanged && { toolsListChanged: true }),
        ...(filter.promptsListChanged && { promptsListChanged: true }),
        ...(filter.resourcesListChanged && { resourcesListChanged: true }),
        ...(resources.size > 0 && { resourceSubscriptions: [...resources.keys()] }),
      },
      rightsChanged: () => rightsChanged(listener),
      release: () => {
        if (this.#listeners.delete(listener)) for (const { release } of resources.values()) release();
      },
    };
  }

  #onChange(change: CatalogChange): void {
    for (const listener of this.#listeners) {
      const { subscriber, filter } = listener;
      if (change.reconnected) void this.#follow(listener, change.serverId);
      if (!concerns(change, subscriber.endpoint)) continue;
      if (!this.#seesServer(subscriber, change.serverName)) continue;
      if (change.tools && filter.toolsListChanged) notifyOf(subscriber, "notifications/tools/list_changed");
      if (change.prompts && filter.promptsListChanged)
        notifyOf(subscriber, "notifications/prompts/list_changed");
      if (change.resources && filter.resourcesListChanged) {
        notifyOf(subscriber, "notifications/resources/list_changed");
      }
    }
  }

  /** A server whose settings changed is another connection, which knows nothing of subscriptions yet. */
  async #follow(listener: Listener, serverId: string): Promise<void> {
    const upstream = this.#fleet.upstream(serverId);
    for (const [uri, held] of listener.resources) {
      if (held.serverId !== serverId || upstream === undefined || held.upstream === upstream) continue;
      held.upstream = upstream;
      try {
        const release = await upstream.subscribeResource(uri);
        if (this.#listeners.has(listener)) held.release = release;
        else release();
      } catch (cause) {
        this.#log.info(
          { server: upstream.server.name, uri, err: cause },
          "resource cannot be subscribed again",
        );
      }
    }
  }

  /** Asked at each update: what was permitted at the subscription may have been forbidden since. */
  #mayRead({ principal, endpoint }: Subscriber, { server }: Upstream, uri: string): boolean {
    const granted = this.#permissions.of(principal, endpoint.namespaceSlug);
    if (!granted.resource(server.name, uri)) return false;
    const facts = { args: {}, clientAddress: "", now: Date.now() };
    return granted.refusal("resource", server.name, uri, undefined, facts) === undefined;
  }

  /** A change behind what the caller may see would tell that something is there. */
  #seesServer(subscriber: Subscriber, serverName: string): boolean {
    return this.#permissions.of(subscriber.principal, subscriber.endpoint.namespaceSlug).server(serverName);
  }
}

function concerns(change: CatalogChange, endpoint: Endpoint): boolean {
  return endpoint.server === undefined
    ? endpoint.namespaceId === change.namespaceId
    : endpoint.server.id === change.serverId;
}

/** Told once, whether or not it sees another list: behind other rights, other lists are to be expected. */
function rightsChanged({ subscriber, filter }: Listener): void {
  subscriber.rightsChanged?.();
  if (filter.toolsListChanged) notifyOf(subscriber, "notifications/tools/list_changed");
  if (filter.promptsListChanged) notifyOf(subscriber, "notifications/prompts/list_changed");
  if (filter.resourcesListChanged) notifyOf(subscriber, "notifications/resources/list_changed");
}

function notifyOf(subscriber: Subscriber, method: string): void {
  subscriber.notify({ jsonrpc: "2.0", method });
}
