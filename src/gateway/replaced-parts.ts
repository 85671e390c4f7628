import type { MergedCatalog } from "./catalog.ts";
import type { CatalogEntry, CatalogPart } from "./catalog-part.ts";
import { NamedList, type Range } from "./named-list.ts";
import { type Splice, SplicedList } from "./spliced-list.ts";
import { UriList } from "./uri-list.ts";

/** The parts that stand in the place of a namespace's own for some callers. */
export class ReplacedParts {
  readonly base: MergedCatalog;
  /** By the id of the called server; `undefined` where nothing serves. */
  readonly byServerId: ReadonlyMap<string, CatalogPart | undefined>;
  /** Those that serve, by server name. */
  readonly serving: readonly CatalogPart[];
  /** The base's parts in whose place nothing serves. */
  readonly unserved: readonly CatalogPart[];

  constructor(base: MergedCatalog, byServerId: ReadonlyMap<string, CatalogPart | undefined>) {
    this.base = base;
    this.byServerId = byServerId;
    this.serving = [...byServerId.values()].filter((part) => part !== undefined).sort(byName);
    this.unserved = [...byServerId].flatMap(([id, part]) =>
      part === undefined ? (base.part(id) ?? []) : [],
    );
  }

  has(serverId: string): boolean {
    return this.byServerId.has(serverId);
  }
  part(serverId: string): CatalogPart | undefined {
    return this.has(serverId) ? this.byServerId.get(serverId) : this.base.part(serverId);
  }

  /**
   * A list of the base with the ranges of some servers replaced.
   * @param items what a server contributes now
   */
  spliced(
    { entries, ranges }: Pick<NamedList, "entries" | "ranges">,
    serverIds: Iterable<string>,
    items: (part: CatalogPart) => readonly CatalogEntry[],
  ): SplicedList<CatalogEntry> {
    const end = { start: entries.length, end: entries.length };
    const rangeAt = (at: number) => ranges.get(this.base.parts[at]?.server.id ?? "") ?? end;
    return this.#spliced(entries, serverIds, rangeAt, items);
  }

  /** The base's parts with these in their places. */
  splicedParts(): SplicedList<CatalogPart> {
    const rangeAt = (at: number) => ({ start: at, end: at + 1 });
    return this.#spliced(this.base.parts, this.byServerId.keys(), rangeAt, (part) => [part]);
  }

  /** @param rangeAt of the base's part at an index, or of the end */
  #spliced<T>(
    original: readonly T[],
    serverIds: Iterable<string>,
    rangeAt: (at: number) => Range,
    items: (part: CatalogPart) => readonly T[],
  ): SplicedList<T> {
    const splices: (Splice<T> & { readonly name: string })[] = [];
    for (const id of serverIds) {
      const now = this.part(id);
      const name = (now ?? this.base.part(id))?.server.name;
      if (name === undefined) continue;
      const at = this.#placeOf(name);
      const { start, end } = rangeAt(at);
      const isThere = this.base.parts[at]?.server.name === name;
      splices.push({
        ...{ name, start, end: isThere ? end : start },
        items: now === undefined ? [] : items(now),
      });
    }
    return new SplicedList(
      original,
      splices.sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
  }

  /** Index of the base's first part whose server has this name or a later one. */
  #placeOf(name: string): number {
    const { parts } = this.base;
    let [low, high] = [0, parts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((parts[middle] as CatalogPart).server.name < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export const byName = (a: CatalogPart, b: CatalogPart): number => (a.server.name < b.server.name ? -1 : 1);

/** The lists of one part alone, made once for all catalogs that hold it in another's place. */
export class LoneLists {
  static readonly #known = new WeakMap<CatalogPart, LoneLists>();
  readonly tools: NamedList;
  readonly prompts: NamedList;
  readonly resources: UriList;
  readonly resourceTemplates: UriList;

  private constructor(part: CatalogPart) {
    this.tools = new NamedList("tools", [part]);
    this.prompts = new NamedList("prompts", [part]);
    this.resources = new UriList("resources", [part]);
    this.resourceTemplates = new UriList("resourceTemplates", [part]);
  }

  static of(part: CatalogPart): LoneLists {
    let lists = LoneLists.#known.get(part);
    if (lists === undefined) LoneLists.#known.set(part, (lists = new LoneLists(part)));
    return lists;
  }
}
