import { GatewayError } from "../errors/gateway-error.ts";
import type { ListOutcome } from "../model/call.ts";
import type { Endpoint } from "../model/exchange.ts";
import { PageItems } from "../model/page-items.ts";
import type { Sealer } from "../model/ports/sealer.ts";
import type { Permissions } from "../policy/authorize/permissions.ts";
import type { Catalog } from "./catalog.ts";
import type { CatalogEntry, ListKey } from "./catalog-part.ts";
import { type Sequence, SplicedList } from "./spliced-list.ts";

/** A page ends at whichever comes first. */
const PAGE_ITEMS_MAX = 1_000;
const PAGE_CHARS_MAX = 1_048_576;
const CACHED_LISTS_MAX = 512;
/** Of all cached pages together; past it the oldest lists go. */
const CACHED_BYTES_MAX = 64 * 1_048_576;

/** One list as all who may do the same see it. */
interface VisibleList {
  readonly catalog: Catalog;
  /** Those that may not be seen among them. */
  readonly entries: Sequence<CatalogEntry>;
  readonly permissions: Permissions;
  /** Changes with the entries' names and with the permissions; binds cursors. */
  readonly hash: string;
  /** Pages by the index of their first entry. */
  readonly pages: Map<number, Page>;
}
interface CompiledPage {
  readonly items: PageItems;
  /** The last one on it; undefined on an empty page. */
  readonly last: CatalogEntry | undefined;
  /** Index of the next page's first entry; undefined on the last page. */
  readonly nextAt: number | undefined;
}
interface Page extends CompiledPage {
  readonly nextCursor: string | undefined;
}

/**
 * Pages of the merged lists as one caller may see them. Filtering and serialising happen once per list version and set of
 * permissions, and only for the pages asked for; after that a page is a lookup.
 */
export class Listing {
  readonly #sealer: Sealer;
  readonly #lists = new Map<string, VisibleList>();
  readonly #nameHashes = new WeakMap<Sequence<CatalogEntry>, string>();
  #cachedBytes = 0;

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  /** Of all pages kept. */
  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  /** @throws GatewayError `cursor_invalid` */
  page(
    catalog: Catalog,
    key: ListKey,
    endpoint: Endpoint,
    permissions: Permissions,
    cursor: string | undefined,
  ): ListOutcome {
    const list = this.#visible(catalog, key, endpoint, permissions);
    const at = cursor === undefined ? 0 : this.#open(cursor, list, key);
    const bare = endpoint.server !== undefined;
    let page = list.pages.get(at);
    if (page === undefined) {
      const compiled = compilePage(list, at, bare);
      page = { ...compiled, nextCursor: this.#seal(list, key, compiled, bare) };
      list.pages.set(at, page);
      this.#cachedBytes += page.items.byteLength;
      this.#evict(list);
    }
    return {
      kind: "list",
      key,
      items: page.items,
      nextCursor: page.nextCursor,
      ttlMs: ttlMs(catalog, endpoint),
      cacheScope: "private",
    };
  }

  #visible(catalog: Catalog, key: ListKey, endpoint: Endpoint, permissions: Permissions): VisibleList {
    const { namespace, variant } = catalog;
    const cacheKey = `${namespace.id}|${variant}|${key}|${endpoint.server?.id ?? ""}|${permissions.key}`;
    const cached = this.#lists.get(cacheKey);
    // Of the same base and routes it is the same list, whether or not the catalog was made anew in between.
    if (cached?.catalog.base === catalog.base) return cached;
    if (cached !== undefined) this.#drop(cacheKey, cached);
    const entries =
      endpoint.server === undefined
        ? catalog.list(key)
        : (catalog.part(endpoint.server.id)?.entries[key] ?? []);
    const hash = shortHash(`${this.#nameHash(entries)} ${permissions.key}`);
    const list = { catalog, entries, permissions, hash, pages: new Map<number, Page>() };
    this.#lists.set(cacheKey, list);
    this.#evict(list);
    return list;
  }

  /** Of all names, in order: once for each version of a list. Of one with replaced ranges, of the whole and of these. */
  #nameHash(entries: Sequence<CatalogEntry>): string {
    let hash = this.#nameHashes.get(entries);
    if (hash === undefined) {
      hash = shortHash(entries instanceof SplicedList ? this.#splicedNames(entries) : namesOf(entries));
      this.#nameHashes.set(entries, hash);
    }
    return hash;
  }

  #splicedNames({ original, splices }: SplicedList<CatalogEntry>): string {
    const replaced = splices.map(({ start, end, items }) => `${start} ${end} ${namesOf(items)}`);
    return [this.#nameHash(original), ...replaced].join("\n\n");
  }

  #evict(keep: VisibleList): void {
    for (const [key, list] of this.#lists) {
      if (this.#lists.size <= CACHED_LISTS_MAX && this.#cachedBytes <= CACHED_BYTES_MAX) return;
      if (list !== keep) this.#drop(key, list);
    }
  }

  /** Lists of a namespace whose catalog is another now, or gone: they would keep all its entries alive. */
  forget(namespaceId: string): void {
    for (const [key, list] of this.#lists)
      if (list.catalog.namespace.id === namespaceId) this.#drop(key, list);
  }

  #drop(key: string, list: VisibleList): void {
    this.#lists.delete(key);
    for (const page of list.pages.values()) this.#cachedBytes -= page.items.byteLength;
  }

  /** The name of the last entry delivered and the list's hash: any replica can go on from there. */
  #seal(list: VisibleList, key: ListKey, { last, nextAt }: CompiledPage, bare: boolean): string | undefined {
    if (last === undefined || nextAt === undefined) return undefined;
    return this.#sealer.seal(
      "cursor",
      JSON.stringify([key, bare ? last.name : last.wireName, nextAt, list.hash]),
    );
  }

  #open(cursor: string, list: VisibleList, key: ListKey): number {
    const text = this.#sealer.open("cursor", cursor);
    if (text === undefined) throw new GatewayError("cursor_invalid");
    const [sealedKey, name, at, hash] = JSON.parse(text) as [string, string, number, string];
    if (sealedKey !== key) throw new GatewayError("cursor_invalid");
    if (hash === list.hash) return at;
    // The list changed in between: go on behind the last name delivered, if it is still there.
    let next = 0;
    for (const entry of list.entries) {
      next++;
      if (entry.wireName === name || entry.name === name) return next;
    }
    throw new GatewayError("cursor_invalid");
  }
}

export function isVisible(permissions: Permissions, entry: CatalogEntry): boolean {
  const { server, name, definition } = entry;
  switch (entry.list) {
    case "tools":
      return permissions.tool(server.name, name, definition);
    case "prompts":
      return permissions.prompt(server.name, name, definition);
    default:
      return permissions.resource(server.name, name, definition);
  }
}

const KINDS = {
  tools: "tool",
  prompts: "prompt",
  resources: "resource",
  resourceTemplates: "resource",
} as const;

function isListed(permissions: Permissions, { list, server, name, definition }: CatalogEntry): boolean {
  return permissions.listed(KINDS[list], server.name, name, definition);
}

function compilePage({ entries, permissions }: VisibleList, from: number, bare: boolean): CompiledPage {
  const items: string[] = [];
  let chars = 0;
  let last: CatalogEntry | undefined;
  let nextAt: number | undefined;
  for (let at = from; at < entries.length; at++) {
    const entry = entries.at(at) as CatalogEntry;
    if (!isVisible(permissions, entry) || !isListed(permissions, entry)) continue;
    const json = bare ? entry.bareJson : entry.json;
    const isFull = items.length === PAGE_ITEMS_MAX || chars + json.length > PAGE_CHARS_MAX;
    if (items.length > 0 && isFull) {
      nextAt = at;
      break;
    }
    chars += json.length;
    items.push(json);
    last = entry;
  }
  return { items: new PageItems(items), last, nextAt };
}

function namesOf(entries: Iterable<CatalogEntry>): string {
  return Array.from(entries, ({ wireName }) => wireName).join("\n");
}

function shortHash(text: string): string {
  return Bun.SHA256.hash(text, "base64").slice(0, 12);
}

/** How long a client may keep a list: until we would read it again ourselves (2026-07-28, caching). */
export function ttlMs(catalog: Catalog, endpoint: Endpoint): number {
  if (endpoint.server === undefined) return catalog.ttlMs;
  return (catalog.part(endpoint.server.id)?.server ?? endpoint.server).refreshIntervalMs;
}
