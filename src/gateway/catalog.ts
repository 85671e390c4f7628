import type { NamespaceSnapshot } from "../model/snapshot.ts";
import type { CatalogEntry, CatalogPart, ListKey } from "./catalog-part.ts";
import { type Clash, NamedList } from "./named-list.ts";
import type { Sequence } from "./spliced-list.ts";
import { UriList } from "./uri-list.ts";

export const TTL_MS_MAX = 300_000;

/**
 * The merged lists of one namespace as some of its callers reach them: immutable. Order is by server name, then as the
 * server listed it, so that it is the same for every caller and replica.
 */
export interface Catalog {
  readonly namespace: NamespaceSnapshot;
  readonly parts: Sequence<CatalogPart>;
  /** Of the servers that nobody serves for these callers, what they have for those without a route. */
  readonly unserved: readonly CatalogPart[];
  /** The catalog of those without a route; itself, where it is that. */
  readonly base: Catalog;
  /** Tells apart the catalogs of one base: the routes of those it is for. */
  readonly variant: string;
  /** Until the first of its parts is read again. */
  readonly ttlMs: number;
  list(key: ListKey): Sequence<CatalogEntry>;
  part(serverId: string): CatalogPart | undefined;
  /** By wire name or `server:name`; bare names are the caller's matter, see `bare`. */
  named(key: "tools" | "prompts", name: string): CatalogEntry | undefined;
  /** Every entry whose own name it is. */
  bare(key: "tools" | "prompts", name: string): readonly CatalogEntry[];
  resource(uri: string): CatalogEntry | undefined;
  /** By the template as it is written, not by a URI that matches it. */
  template(uriTemplate: string): CatalogEntry | undefined;
}

const NONE: readonly CatalogPart[] = [];

/** What the servers of a namespace offer, each under its own name; rebuilt when a part changes. */
export class MergedCatalog implements Catalog {
  readonly namespace: NamespaceSnapshot;
  readonly parts: readonly CatalogPart[];
  readonly unserved: readonly CatalogPart[] = NONE;
  readonly clashes: readonly Clash[];
  readonly base = this;
  readonly variant = "";
  readonly ttlMs: number;
  readonly tools: NamedList;
  readonly prompts: NamedList;
  readonly resources: UriList;
  readonly resourceTemplates: UriList;
  readonly #partByServerId: ReadonlyMap<string, CatalogPart>;

  constructor(namespace: NamespaceSnapshot, parts: readonly CatalogPart[]) {
    this.namespace = namespace;
    this.parts = [...parts].sort((a, b) => (a.server.name < b.server.name ? -1 : 1));
    this.ttlMs = parts.reduce((least, part) => Math.min(least, part.server.refreshIntervalMs), TTL_MS_MAX);
    this.#partByServerId = new Map(this.parts.map((part) => [part.server.id, part]));
    this.tools = new NamedList("tools", this.parts);
    this.prompts = new NamedList("prompts", this.parts);
    this.resources = new UriList("resources", this.parts);
    this.resourceTemplates = new UriList("resourceTemplates", this.parts);
    const lists = [this.tools, this.prompts, this.resources, this.resourceTemplates];
    this.clashes = lists.flatMap(({ clashes }) => clashes);
  }

  list(key: ListKey): readonly CatalogEntry[] {
    return this[key].entries;
  }
  part(serverId: string): CatalogPart | undefined {
    return this.#partByServerId.get(serverId);
  }
  named(key: "tools" | "prompts", name: string): CatalogEntry | undefined {
    return this[key].named(name);
  }
  bare(key: "tools" | "prompts", name: string): readonly CatalogEntry[] {
    return this[key].bare(name);
  }
  resource(uri: string): CatalogEntry | undefined {
    return this.resources.owner(uri);
  }
  template(uriTemplate: string): CatalogEntry | undefined {
    return this.resourceTemplates.owner(uriTemplate);
  }
}
