import type { CatalogEntry, CatalogPart } from "./catalog-part.ts";
import type { Clash, Range } from "./named-list.ts";

/**
 * The resources or templates of some parts, in their order. A URI is not renamed: the first server by name owns it, the
 * others keep theirs at their own endpoints.
 */
export class UriList {
  readonly entries: readonly CatalogEntry[];
  readonly clashes: readonly Clash[];
  /** By server id. */
  readonly ranges: ReadonlyMap<string, Range>;
  readonly #owners: ReadonlyMap<string, CatalogEntry>;
  /** Those that would own a URI if those before them were not there. */
  readonly #rivals: ReadonlyMap<string, readonly CatalogEntry[]>;

  constructor(list: "resources" | "resourceTemplates", parts: readonly CatalogPart[]) {
    const owners = new Map<string, CatalogEntry>();
    const rivals = new Map<string, CatalogEntry[]>();
    const ranges = new Map<string, Range>();
    const clashes: Clash[] = [];
    for (const part of parts) {
      const start = owners.size;
      for (const entry of part.entries[list]) {
        const { name } = entry;
        const owner = owners.get(name);
        if (owner === undefined) {
          owners.set(name, entry);
          continue;
        }
        clashes.push({ list, name, servers: [owner.server.name, entry.server.name] });
        const others = rivals.get(name);
        if (others === undefined) rivals.set(name, [entry]);
        else others.push(entry);
      }
      ranges.set(part.server.id, { start, end: owners.size });
    }
    this.entries = [...owners.values()];
    this.clashes = clashes;
    this.ranges = ranges;
    this.#owners = owners;
    this.#rivals = rivals;
  }

  owner(uri: string): CatalogEntry | undefined {
    return this.#owners.get(uri);
  }

  /** Who lists the URI: its owner, then those that would own it in its place. */
  *listing(uri: string): Iterable<CatalogEntry> {
    const owner = this.#owners.get(uri);
    if (owner !== undefined) yield owner;
    yield* this.#rivals.get(uri) ?? [];
  }
}
