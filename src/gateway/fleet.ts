import { governsCalls, type Policies } from "../model/policy.ts";
import type { Log } from "../model/ports/log.ts";
import type { Upstream, UpstreamEvent, UpstreamFactory, UpstreamLists } from "../model/ports/upstream.ts";
import type { ServerDefinition } from "../model/server.ts";
import type { NamespaceSnapshot, OrganizationSnapshot, Snapshot } from "../model/snapshot.ts";
import { MergedCatalog } from "./catalog.ts";
import { type CatalogPart, compilePart } from "./catalog-part.ts";

/** What a change of the catalog means for subscribers; the server may be gone by then. */
export interface CatalogChange {
  readonly namespaceId: string;
  readonly serverId: string;
  readonly serverName: string;
  readonly tools: boolean;
  readonly prompts: boolean;
  readonly resources: boolean;
  /** The server is reached over a new connection, which knows nothing of subscriptions. */
  readonly reconnected: boolean;
  /** It offers something else than before, by itself: other processes may not have heard. */
  readonly byServer: boolean;
}

/** What a new configuration means for those who are connected. */
export interface Applied {
  /** Organisations that came, went, or have another part now. */
  readonly organizations: ReadonlySet<string>;
  /** Organisations whose policies are others now, or the servers that their routes lead to. */
  readonly policiesOf: ReadonlySet<string>;
  /** Organisations where claims of providers' tokens are worth something else now. */
  readonly claimMappingOf: ReadonlySet<string>;
}

/** A catalog nobody asks for in the meantime is rebuilt this late after a change. */
const REBUILD_DELAY_MS = 50;

/** A server that connects for the first time is waited for this long from its start; then its clients learn that it is not there. */
const FIRST_ANSWER_MS = 5_000;
/** How long after the first configuration lists of many servers wait for those that have not answered yet. */
const START_MS = 2_000;

interface Member {
  server: ServerDefinition;
  readonly upstream: Upstream;
  part: CatalogPart | undefined;
  /** What the server offered over its former connection, until it answers over this one. */
  readonly formerLists: UpstreamLists | undefined;
  readonly stopListening: () => void;
  /** Resolves once it answered or failed, or after `FIRST_ANSWER_MS`. */
  readonly settled: Promise<void>;
  isSettled: boolean;
}

/**
 * The servers behind the gateway and the merged catalog of each namespace, kept in step with the snapshot. A server
 * whose connection settings did not change keeps its connections through a reload.
 */
export class Fleet {
  readonly #factory: UpstreamFactory;
  readonly #log: Log;
  readonly #members = new Map<string, Member>();
  /** Replaced or removed; their calls under way may end. */
  readonly #retiring = new Set<Upstream>();
  readonly #catalogs = new Map<string, MergedCatalog>();
  /** Namespaces whose catalog is behind its servers. */
  readonly #stale = new Map<string, NamespaceSnapshot>();
  readonly #clashes = new Map<string, string>();
  #rebuildTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #changeListeners = new Set<(change: CatalogChange) => void>();
  readonly #appliedListeners = new Set<(applied: Applied) => void>();
  readonly #supersededListeners = new Set<(namespaceId: string) => void>();
  readonly #resourceListeners = new Set<(serverId: string, uri: string, event: UpstreamEvent) => void>();
  #snapshot: Snapshot = { version: 0, organizations: new Map() };
  #startEndsAt: number | undefined;

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
    const before = this.#snapshot;
    this.#snapshot = snapshot;
    this.#startEndsAt ??= performance.now() + START_MS;
    const changed = changedBetween(before, snapshot);
    const wanted = new Map<string, ServerDefinition>();
    for (const namespace of namespacesOf(snapshot, changed))
      for (const server of namespace.servers) wanted.set(server.id, server);
    const former = new Map<string, Member>();
    for (const [id, member] of this.#members) {
      if (!changed.has(member.server.organizationId)) continue;
      former.set(id, { ...member });
      if (wanted.get(id)?.fingerprint !== member.server.fingerprint) this.#remove(id, member);
    }
    for (const [id, server] of wanted) {
      const member = this.#members.get(id);
      if (member === undefined) this.#add(server, former.get(id));
      else if (member.server !== server) {
        member.server = server;
        member.part = undefined;
      }
    }
    const namespaceIds = new Set<string>();
    for (const namespace of namespacesOf(snapshot, changed)) {
      namespaceIds.add(namespace.id);
      this.#rebuild(namespace);
    }
    for (const { id } of namespacesOf(before, changed)) {
      if (namespaceIds.has(id)) continue;
      this.#catalogs.delete(id);
      this.#stale.delete(id);
      this.#clashes.delete(id);
      for (const listener of this.#supersededListeners) listener(id);
    }
    for (const [id, { server, part, upstream }] of former) {
      const member = this.#members.get(id);
      const reconnected = member !== undefined && member.upstream !== upstream;
      this.#announce(server, part, member?.part, { reconnected });
    }
    const applied = {
      organizations: changed,
      policiesOf: changedParts((one) => [policiesOnCalls(one), routesOf(one)], before, snapshot, changed),
      claimMappingOf: changedParts(({ claimMapping }) => claimMapping, before, snapshot, changed),
    };
    for (const listener of this.#appliedListeners) listener(applied);
  }

  organization(id: string): OrganizationSnapshot | undefined {
    return this.#snapshot.organizations.get(id);
  }
  catalog(namespaceId: string): MergedCatalog | undefined {
    const stale = this.#stale.get(namespaceId);
    if (stale !== undefined) this.#rebuild(stale);
    return this.#catalogs.get(namespaceId);
  }
  upstream(serverId: string): Upstream | undefined {
    return this.#members.get(serverId)?.upstream;
  }

  namespace(of: Pick<ServerDefinition, "organizationId" | "namespaceId">): NamespaceSnapshot | undefined {
    return this.#snapshot.organizations.get(of.organizationId)?.namespacesById.get(of.namespaceId);
  }

  /** Milliseconds left of the time in which servers that have not answered are part of the start; none once it is over. */
  get startLeftMs(): number {
    return this.#startEndsAt === undefined ? 0 : this.#startEndsAt - performance.now();
  }

  /** Set while nothing is known of a server that is connecting: an empty list or "unknown tool" now would be a lie a moment later. */
  connecting(serverId: string): Promise<void> | undefined {
    const member = this.#members.get(serverId);
    if (member === undefined || member.isSettled || member.part !== undefined) return undefined;
    return member.formerLists === undefined && isUndecided(member.upstream) ? member.settled : undefined;
  }

  /** Resolves when each server answered once or failed, after a few seconds at most. */
  async settled(): Promise<void> {
    await Promise.all([...this.#members.values()].map((member) => member.settled));
  }

  onChange(listener: (change: CatalogChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }
  /** After a new configuration is in force. */
  onApplied(listener: (applied: Applied) => void): () => void {
    this.#appliedListeners.add(listener);
    return () => this.#appliedListeners.delete(listener);
  }
  /** After a namespace's catalog was replaced, or went with it. */
  onSuperseded(listener: (namespaceId: string) => void): () => void {
    this.#supersededListeners.add(listener);
    return () => this.#supersededListeners.delete(listener);
  }
  onResourceUpdated(listener: (serverId: string, uri: string, event: UpstreamEvent) => void): () => void {
    this.#resourceListeners.add(listener);
    return () => this.#resourceListeners.delete(listener);
  }

  async close(): Promise<void> {
    clearTimeout(this.#rebuildTimer);
    const members = [...this.#members.values()];
    this.#members.clear();
    const upstreams = [...members.map((member) => member.upstream), ...this.#retiring];
    await Promise.all(upstreams.map((upstream) => upstream.close()));
  }

  #add(server: ServerDefinition, former: Member | undefined): void {
    const upstream = this.#factory(server);
    const stopListening = upstream.onEvent((event) => this.#onEvent(server.id, event));
    const formerLists = former?.upstream.lists ?? former?.formerLists;
    const settled = firstAnswer(upstream).then(() => {
      member.isSettled = true;
    });
    const member: Member = {
      server,
      upstream,
      part: undefined,
      formerLists,
      stopListening,
      settled,
      isSettled: false,
    };
    this.#members.set(server.id, member);
    upstream.start();
  }

  #remove(id: string, member: Member): void {
    this.#members.delete(id);
    member.stopListening();
    const { upstream, server } = member;
    this.#retiring.add(upstream);
    upstream
      .close(server.timeoutMs)
      .catch((cause: unknown) => {
        this.#log.error({ server: server.name, err: cause }, "server did not close in order");
      })
      .finally(() => this.#retiring.delete(upstream));
  }

  #onEvent(serverId: string, event: UpstreamEvent): void {
    const member = this.#members.get(serverId);
    if (member === undefined) return;
    if (event.kind === "lists") {
      const before = member.part;
      const namespace = this.namespace(member.server);
      if (namespace === undefined) return;
      member.part = compilePart(member.server, member.upstream, event.lists, namespace.separator);
      this.#rebuildSoon(namespace);
      this.#announce(member.server, before, member.part, { byServer: before !== undefined });
    } else if (event.kind === "resource_updated") {
      const uri = event.params.uri;
      if (typeof uri === "string")
        for (const listener of this.#resourceListeners) listener(serverId, uri, event);
    }
  }

  #announce(
    server: ServerDefinition,
    before: CatalogPart | undefined,
    after: CatalogPart | undefined,
    { reconnected = false, byServer = false },
  ): void {
    const changed = (...keys: (keyof CatalogPart["entries"])[]) =>
      keys.some((key) => fingerprintOf(before, key) !== fingerprintOf(after, key));
    const change: CatalogChange = {
      namespaceId: server.namespaceId,
      serverId: server.id,
      serverName: server.name,
      tools: changed("tools"),
      prompts: changed("prompts"),
      resources: changed("resources", "resourceTemplates"),
      reconnected,
      byServer,
    };
    if (change.tools || change.prompts || change.resources || reconnected) {
      for (const listener of this.#changeListeners) listener(change);
    }
  }

  /** The slug of the server's namespace; its id where the namespace is just going. */
  namespaceSlug(server: ServerDefinition): string {
    return this.namespace(server)?.slug ?? server.namespaceId;
  }

  /** Hundreds of servers that answer one after another at the start cost one rebuild a moment, not one each. */
  #rebuildSoon(namespace: NamespaceSnapshot): void {
    this.#stale.set(namespace.id, namespace);
    this.#rebuildTimer ??= setTimeout(() => {
      this.#rebuildTimer = undefined;
      for (const stale of [...this.#stale.values()]) this.#rebuild(stale);
    }, REBUILD_DELAY_MS);
  }

  #rebuild(namespace: NamespaceSnapshot): void {
    this.#stale.delete(namespace.id);
    const parts: CatalogPart[] = [];
    for (const server of namespace.servers) {
      const member = this.#members.get(server.id);
      const lists = member?.upstream.lists ?? member?.formerLists;
      if (member === undefined || lists === undefined) continue;
      member.part ??= compilePart(server, member.upstream, lists, namespace.separator);
      parts.push(member.part);
    }
    const catalog = new MergedCatalog(namespace, parts);
    this.#report(catalog);
    this.#catalogs.set(namespace.id, catalog);
    for (const listener of this.#supersededListeners) listener(namespace.id);
  }

  #report({ namespace, clashes }: MergedCatalog): void {
    const text = JSON.stringify(clashes);
    if ((this.#clashes.get(namespace.id) ?? "[]") === text) return;
    this.#clashes.set(namespace.id, text);
    for (const clash of clashes) {
      this.#log.warn({ namespace: namespace.slug, ...clash }, "name clash in the merged list");
    }
  }
}

function isUndecided(upstream: Upstream): boolean {
  return upstream.lists === undefined && upstream.state.status === "connecting";
}

function firstAnswer(upstream: Upstream): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(settle, FIRST_ANSWER_MS);
    timer.unref();
    const stop = upstream.onEvent(() => {
      if (!isUndecided(upstream)) settle();
    });
  });
}

/** Organisations that came, went, or have another part now. */
function changedBetween(before: Snapshot, after: Snapshot): ReadonlySet<string> {
  const changed = new Set<string>();
  for (const [id, organization] of after.organizations)
    if (before.organizations.get(id) !== organization) changed.add(id);
  for (const id of before.organizations.keys()) if (!after.organizations.has(id)) changed.add(id);
  return changed;
}

function* namespacesOf(snapshot: Snapshot, ids: ReadonlySet<string>): Iterable<NamespaceSnapshot> {
  for (const id of ids) {
    const organization = snapshot.organizations.get(id);
    if (organization !== undefined) yield* organization.namespacesById.values();
  }
}

function changedParts(
  partOf: (organization: OrganizationSnapshot) => unknown,
  before: Snapshot,
  after: Snapshot,
  organizations: ReadonlySet<string>,
): ReadonlySet<string> {
  const changed = new Set<string>();
  for (const id of organizations) {
    const [former, current] = [before.organizations.get(id), after.organizations.get(id)];
    if (former === undefined || current === undefined) continue;
    if (!Bun.deepEquals(partOf(former), partOf(current))) changed.add(id);
  }
  return changed;
}

/** Those about acts of administration alone change nobody's lists. */
function policiesOnCalls({ policies }: OrganizationSnapshot): Policies | undefined {
  const all = policies?.all.filter(governsCalls) ?? [];
  return policies === undefined || all.length === 0 ? undefined : { ...policies, all };
}

/** What routes come to, whatever else changed about the servers. */
function routesOf({ routing, namespacesById }: OrganizationSnapshot): unknown {
  if (routing === undefined) return undefined;
  return [...namespacesById.values()].flatMap(({ routes = [] }) =>
    routes.map(({ policy, called, serving }) => [policy, called.id, serving.servedBy]),
  );
}

function fingerprintOf(part: CatalogPart | undefined, key: keyof CatalogPart["entries"]): string {
  return part?.entries[key].map((entry) => entry.bareJson).join("\n") ?? "";
}
