import type { CatalogEntry, CatalogPart } from "./catalog-part.ts";
import { LoneLists, type ReplacedParts } from "./replaced-parts.ts";
import type { SplicedList } from "./spliced-list.ts";
import type { UriList } from "./uri-list.ts";

/**
 * The resources or templates of a namespace with some servers replaced. A server that serves under another's name too has
 * its URIs there: that is the name the caller was routed by. What a server lists that nobody serves is nobody's: no other
 * server's content comes in its place.
 */
export class RoutedUris {
  readonly list: SplicedList<CatalogEntry>;
  /** Entries that only this list refers to. */
  readonly ownEntries: number;
  readonly #base: UriList;
  readonly #replaced: ReplacedParts;
  readonly #lone: readonly UriList[];
  readonly #unserved: readonly UriList[];

  constructor(key: "resources" | "resourceTemplates", replaced: ReplacedParts) {
    this.#base = replaced.base[key];
    this.#replaced = replaced;
    this.#lone = replaced.serving.map((part) => LoneLists.of(part)[key]);
    this.#unserved = replaced.unserved.map((part) => LoneLists.of(part)[key]);
    let ownEntries = 0;
    const itemsOf = (part: CatalogPart) => {
      const { entries } = LoneLists.of(part)[key];
      if (entries.every((entry) => this.owner(entry.name) === entry)) return entries;
      const owned = entries.filter((entry) => this.owner(entry.name) === entry);
      ownEntries += owned.length;
      return owned;
    };
    this.list = replaced.spliced(this.#base, this.#affected(key), itemsOf);
    this.ownEntries = ownEntries;
  }

  owner(uri: string): CatalogEntry | undefined {
    for (const lone of this.#unserved) if (lone.owner(uri) !== undefined) return undefined;
    for (const lone of this.#lone) {
      const entry = lone.owner(uri);
      if (entry !== undefined) return entry;
    }
    for (const entry of this.#base.listing(uri)) if (!this.#replaced.has(entry.server.id)) return entry;
    return undefined;
  }

  /** The replaced, and those that list a URI which one of those that came or went lists. */
  #affected(key: "resources" | "resourceTemplates"): Set<string> {
    const ids = new Set(this.#replaced.byServerId.keys());
    const gone = [...ids].flatMap((id) => this.#replaced.base.part(id)?.entries[key] ?? []);
    for (const entries of [gone, ...this.#lone.map(({ entries }) => entries)])
      for (const { name } of entries) for (const { server } of this.#base.listing(name)) ids.add(server.id);
    return ids;
  }
}
