import type { Log } from "../model/ports/log.ts";
import type { Upstream, UpstreamEvent, UpstreamFactory } from "../model/ports/upstream.ts";
import type { ServerDefinition } from "../model/server.ts";
import type { NamespaceSnapshot, OrganizationSnapshot, Snapshot } from "../model/snapshot.ts";
import { type CatalogPart, compilePart } from "./catalog-part.ts";
import { Catalog } from "./catalog.ts";

/** What a change of the catalog means for subscribers. */
export interface CatalogChange {
  readonly namespaceId: string;
  readonly serverId: string;
  readonly tools: boolean;
  readonly prompts: boolean;
  readonly resources: boolean;
}

interface Member {
  server: ServerDefinition;
  readonly upstream: Upstream;
  part: CatalogPart | undefined;
  readonly stopListening: () => void;
}

/**
 * The servers behind the gateway and the merged catalog of each namespace, kept in step with the snapshot. A server
 * whose connection settings did not change keeps its connections through a reload.
 */
export class Fleet {
  readonly #factory: UpstreamFactory;
  readonly #log: Log;
  readonly #members = new Map<string, Member>();
  readonly #catalogs = new Map<string, Catalog>();
  readonly #changeListeners = new Set<(change: CatalogChange) => void>();
  readonly #resourceListeners = new Set<(serverId: string, uri: string, event: UpstreamEvent) => void>();
  #snapshot: Snapshot = { version: 0, organizations: new Map() };

  constructor(factory: UpstreamFactory, log: Log) {
    this.#factory = factory;
    this.#log = log;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }
  get upstreams(): readonly Upstream[] {
    return [...this.#members.values()].map((member) => member.upstream);
  }

  /** Swaps the configuration: new servers start, removed ones end after their calls, the rest stays connected. */
  apply(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    const wanted = new Map<string, ServerDefinition>();
    for (const namespace of namespacesOf(snapshot))
      for (const server of namespace.servers) wanted.set(server.id, server);
    for (const [id, member] of this.#members) {
      if (wanted.get(id)?.fingerprint !== member.server.fingerprint) this.#remove(id, member);
    }
    for (const [id, server] of wanted) {
      const member = this.#members.get(id);
      if (member === undefined) this.#add(server);
      else if (member.server !== server) {
        member.server = server;
        member.part = undefined;
      }
    }
    const namespaceIds = new Set<string>();
    for (const namespace of namespacesOf(snapshot)) {
      namespaceIds.add(namespace.id);
      this.#rebuild(namespace);
    }
    for (const id of this.#catalogs.keys()) if (!namespaceIds.has(id)) this.#catalogs.delete(id);
  }

  organization(id: string): OrganizationSnapshot | undefined {
    return this.#snapshot.organizations.get(id);
  }
  catalog(namespaceId: string): Catalog | undefined {
    return this.#catalogs.get(namespaceId);
  }
  upstream(serverId: string): Upstream | undefined {
    return this.#members.get(serverId)?.upstream;
  }

  onChange(listener: (change: CatalogChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }
  onResourceUpdated(listener: (serverId: string, uri: string, event: UpstreamEvent) => void): () => void {
    this.#resourceListeners.add(listener);
    return () => this.#resourceListeners.delete(listener);
  }

  async close(): Promise<void> {
    const members = [...this.#members.values()];
    this.#members.clear();
    await Promise.all(members.map((member) => member.upstream.close()));
  }

  #add(server: ServerDefinition): void {
    const upstream = this.#factory(server);
    const stopListening = upstream.onEvent((event) => this.#onEvent(server.id, event));
    this.#members.set(server.id, { server, upstream, part: undefined, stopListening });
    upstream.start();
  }

  #remove(id: string, member: Member): void {
    this.#members.delete(id);
    member.stopListening();
    member.upstream.close().catch((cause: unknown) => {
      this.#log.error({ server: member.server.name, err: cause }, "server did not close in order");
    });
  }

  #onEvent(serverId: string, event: UpstreamEvent): void {
    const member = this.#members.get(serverId);
    if (member === undefined) return;
    if (event.kind === "lists") {
      const before = member.part;
      const namespace = this.#namespaceOf(member.server);
      if (namespace === undefined) return;
      member.part = undefined;
      this.#rebuild(namespace);
      this.#announce(member, namespace.id, before);
    } else if (event.kind === "resource_updated") {
      const uri = event.params.uri;
      if (typeof uri === "string")
        for (const listener of this.#resourceListeners) listener(serverId, uri, event);
    }
  }

  #announce(member: Member, namespaceId: string, before: CatalogPart | undefined): void {
    const changed = (...keys: (keyof CatalogPart["entries"])[]) =>
      keys.some((key) => fingerprintOf(before, key) !== fingerprintOf(member.part, key));
    const change: CatalogChange = {
      namespaceId,
      serverId: member.server.id,
      tools: changed("tools"),
      prompts: changed("prompts"),
      resources: changed("resources", "resourceTemplates"),
    };
    if (change.tools || change.prompts || change.resources) {
      for (const listener of this.#changeListeners) listener(change);
    }
  }

  #namespaceOf(server: ServerDefinition): NamespaceSnapshot | undefined {
    return this.#snapshot.organizations.get(server.organizationId)?.namespacesById.get(server.namespaceId);
  }

  #rebuild(namespace: NamespaceSnapshot): void {
    const parts: CatalogPart[] = [];
    for (const server of namespace.servers) {
      const member = this.#members.get(server.id);
      const lists = member?.upstream.lists;
      if (member === undefined || lists === undefined) continue;
      member.part ??= compilePart(server, member.upstream, lists, namespace.separator);
      parts.push(member.part);
    }
    const catalog = new Catalog(namespace, parts);
    for (const clash of catalog.clashes) {
      this.#log.warn({ namespace: namespace.slug, ...clash }, "name clash in the merged list");
    }
    this.#catalogs.set(namespace.id, catalog);
  }
}

function* namespacesOf(snapshot: Snapshot): Iterable<NamespaceSnapshot> {
  for (const organization of snapshot.organizations.values()) yield* organization.namespacesById.values();
}

function fingerprintOf(part: CatalogPart | undefined, key: keyof CatalogPart["entries"]): string {
  return part?.entries[key].map((entry) => entry.bareJson).join("\n") ?? "";
}
