import type { NamespaceSnapshot } from "../model/snapshot.ts";
import { type Catalog, type MergedCatalog, TTL_MS_MAX } from "./catalog.ts";
import type { CatalogEntry, CatalogPart, ListKey } from "./catalog-part.ts";
import { ReplacedParts } from "./replaced-parts.ts";
import { RoutedNames } from "./routed-names.ts";
import { RoutedUris } from "./routed-uris.ts";
import type { SplicedList } from "./spliced-list.ts";

/**
 * A namespace's catalog with some of its servers replaced: the catalog of those without a route, and what differs from it.
 * Built in the time that the entries of the replaced parts take, and of those whose names or URIs meet theirs.
 */
export class RoutedCatalog implements Catalog {
  readonly base: MergedCatalog;
  readonly variant: string;
  readonly parts: SplicedList<CatalogPart>;
  /** What it holds for itself, in entries; those of the replaced parts are shared. */
  readonly ownEntries: number;
  readonly #replaced: ReplacedParts;
  readonly #lists: {
    readonly tools: RoutedNames;
    readonly prompts: RoutedNames;
    readonly resources: RoutedUris;
    readonly resourceTemplates: RoutedUris;
  };
  #ttlMs: number | undefined;

  /** @param serving by the id of the called server; `undefined` where nothing serves in its place */
  constructor(base: MergedCatalog, key: string, serving: ReadonlyMap<string, CatalogPart | undefined>) {
    this.base = base;
    this.variant = key;
    const replaced = new ReplacedParts(base, serving);
    this.#replaced = replaced;
    this.#lists = {
      tools: new RoutedNames("tools", replaced),
      prompts: new RoutedNames("prompts", replaced),
      resources: new RoutedUris("resources", replaced),
      resourceTemplates: new RoutedUris("resourceTemplates", replaced),
    };
    this.parts = replaced.splicedParts();
    this.ownEntries = Object.values(this.#lists).reduce(
      (sum, { ownEntries, list }) => sum + ownEntries + list.splices.length,
      1,
    );
  }

  get unserved(): readonly CatalogPart[] {
    return this.#replaced.unserved;
  }
  get namespace(): NamespaceSnapshot {
    return this.base.namespace;
  }
  get ttlMs(): number {
    if (this.#ttlMs === undefined) {
      let least = TTL_MS_MAX;
      for (const { server } of this.parts) least = Math.min(least, server.refreshIntervalMs);
      this.#ttlMs = least;
    }
    return this.#ttlMs;
  }

  list(key: ListKey): SplicedList<CatalogEntry> {
    return this.#lists[key].list;
  }
  part(serverId: string): CatalogPart | undefined {
    return this.#replaced.part(serverId);
  }
  named(key: "tools" | "prompts", name: string): CatalogEntry | undefined {
    return this.#lists[key].named(name);
  }
  bare(key: "tools" | "prompts", name: string): readonly CatalogEntry[] {
    return this.#lists[key].bare(name);
  }
  resource(uri: string): CatalogEntry | undefined {
    return this.#lists.resources.owner(uri);
  }
  template(uriTemplate: string): CatalogEntry | undefined {
    return this.#lists.resourceTemplates.owner(uriTemplate);
  }
}
