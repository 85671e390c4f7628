import type { ServerDefinition } from "../model/server.ts";
import type { CallerRoutes } from "../policy/authorize/routes.ts";
import type { MergedCatalog } from "./catalog.ts";
import { type CatalogPart, compilePart } from "./catalog-part.ts";
import { RoutedCatalog } from "./routed-catalog.ts";

/** Of all namespaces together, some 1 KiB each; past it the catalogs unused the longest go. */
const ENTRIES_MAX = 100_000;

interface Kept {
  readonly catalog: RoutedCatalog;
  readonly parts: readonly CatalogPart[];
}

/**
 * The catalogs of callers whom other servers serve, one for each set of routes in use. They share the compiled lists of the
 * servers that serve, so that of many sets over the same servers each costs little.
 */
export class RoutedCatalogs {
  readonly #entriesMax: number;
  /** Those used last come last. */
  readonly #kept = new Map<string, Kept>();
  /** A server's lists under another name, compiled once. A part may go with the last catalog that holds it. */
  readonly #parts = new WeakMap<CatalogPart, WeakMap<ServerDefinition, WeakRef<CatalogPart>>>();
  /** How many of the catalogs kept hold a part. */
  readonly #holders = new Map<CatalogPart, number>();
  #entries = 0;

  /** @param entriesMax a catalog larger than that is kept until the next one is asked for */
  constructor(entriesMax: number = ENTRIES_MAX) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#kept.size;
  }
  /** Of all catalogs kept: those of the parts they hold, each counted once, and their own. */
  get entries(): number {
    return this.#entries;
  }

  of(base: MergedCatalog, { key, serving }: CallerRoutes): RoutedCatalog {
    const id = `${base.namespace.id}\n${key}`;
    const known = this.#kept.get(id);
    if (known?.catalog.base === base) {
      this.#kept.delete(id);
      this.#kept.set(id, known);
      return known.catalog;
    }
    if (known !== undefined) this.#drop(id, known);
    const byServerId = new Map<string, CatalogPart | undefined>();
    for (const [serverId, server] of serving) byServerId.set(serverId, this.#part(base, server));
    const catalog = new RoutedCatalog(base, key, byServerId);
    this.#keep(id, { catalog, parts: [...byServerId.values()].filter((part) => part !== undefined) });
    return catalog;
  }

  /** Catalogs of a namespace whose lists are others now, or which is gone. */
  forget(namespaceId: string): void {
    for (const [id, kept] of this.#kept) if (kept.catalog.namespace.id === namespaceId) this.#drop(id, kept);
  }

  #keep(id: string, kept: Kept): void {
    this.#kept.set(id, kept);
    this.#entries += kept.catalog.ownEntries;
    for (const part of kept.parts) {
      const holders = this.#holders.get(part) ?? 0;
      if (holders === 0) this.#entries += sizeOf(part);
      this.#holders.set(part, holders + 1);
    }
    for (const [oldest, other] of this.#kept) {
      if (this.#entries <= this.#entriesMax || other === kept) return;
      this.#drop(oldest, other);
    }
  }

  #drop(id: string, { catalog, parts }: Kept): void {
    this.#kept.delete(id);
    this.#entries -= catalog.ownEntries;
    for (const part of parts) {
      const holders = (this.#holders.get(part) ?? 0) - 1;
      if (holders > 0) {
        this.#holders.set(part, holders);
        continue;
      }
      this.#holders.delete(part);
      this.#entries -= sizeOf(part);
    }
  }

  #part(base: MergedCatalog, server: ServerDefinition): CatalogPart | undefined {
    const id = server.servedBy?.id;
    const own = id === undefined ? undefined : base.part(id);
    if (own === undefined) return undefined;
    let byServer = this.#parts.get(own);
    if (byServer === undefined) this.#parts.set(own, (byServer = new WeakMap()));
    let part = byServer.get(server)?.deref();
    if (part === undefined) {
      part = compilePart(server, own.upstream, own.lists, base.namespace.separator);
      byServer.set(server, new WeakRef(part));
    }
    return part;
  }
}

function sizeOf({ entries }: CatalogPart): number {
  const { tools, prompts, resources, resourceTemplates } = entries;
  return tools.length + prompts.length + resources.length + resourceTemplates.length;
}
