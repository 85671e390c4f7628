import type { CatalogEntry, CatalogPart } from "./catalog-part.ts";
import { NamedList } from "./named-list.ts";
import { byName, LoneLists, type ReplacedParts } from "./replaced-parts.ts";
import type { SplicedList } from "./spliced-list.ts";

/**
 * The tools or prompts of a namespace with some servers replaced. Where the names of those that came or went meet the names
 * of others, suffixes may come and go there too: such servers are merged anew, together.
 */
export class RoutedNames {
  readonly list: SplicedList<CatalogEntry>;
  /** Entries of this list alone. */
  readonly ownEntries: number;
  readonly #base: NamedList;
  readonly #merged: readonly NamedList[];
  /** Ids of the servers whose entries are in `merged`, or nowhere, and not in the base. */
  readonly #affected: Set<string>;

  constructor(key: "tools" | "prompts", replaced: ReplacedParts) {
    this.#base = replaced.base[key];
    this.#affected = new Set(replaced.byServerId.keys());
    let merged = replaced.serving.map((part) => LoneLists.of(part)[key]);
    let isJoint = false;
    while (this.#areEntangled(merged)) {
      const parts = [...this.#affected].flatMap((id) => replaced.part(id) ?? []);
      merged = [new NamedList(key, parts.sort(byName))];
      isJoint = true;
    }
    this.#merged = merged;
    this.ownEntries = isJoint ? merged.reduce((sum, { entries }) => sum + entries.length, 0) : 0;
    this.list = replaced.spliced(this.#base, this.#affected, (part) => itemsOf(merged, part));
  }

  named(name: string): CatalogEntry | undefined {
    for (const list of this.#merged) {
      const entry = list.named(name);
      if (entry !== undefined) return entry;
    }
    const entry = this.#base.named(name);
    return entry !== undefined && !this.#affected.has(entry.server.id) ? entry : undefined;
  }

  bare(name: string): readonly CatalogEntry[] {
    const kept = this.#base.bare(name).filter(({ server }) => !this.#affected.has(server.id));
    return [...this.#merged.flatMap((list) => list.bare(name)), ...kept];
  }

  /** Whether names meet outside of each list; the servers of the base that are met count as affected from then on. */
  #areEntangled(merged: readonly NamedList[]): boolean {
    const before = this.#affected.size;
    let meetEachOther = false;
    const seen = new Set<string>();
    for (const list of merged) {
      for (const name of list.wireNames()) {
        for (const id of this.#base.holders(name)) this.#affected.add(id);
        meetEachOther ||= seen.has(name);
      }
      if (merged.length > 1) for (const name of list.wireNames()) seen.add(name);
    }
    this.#addContestants();
    return meetEachOther || this.#affected.size > before;
  }

  /** Those whose names the affected ones contest in the base, and whose names these contest. */
  #addContestants(): void {
    let before: number;
    do {
      before = this.#affected.size;
      for (const ids of this.#base.contested.values())
        if (ids.size > 1 && [...ids].some((id) => this.#affected.has(id)))
          for (const id of ids) this.#affected.add(id);
    } while (this.#affected.size > before);
  }
}

function itemsOf(merged: readonly NamedList[], part: CatalogPart): readonly CatalogEntry[] {
  for (const { ranges, entries } of merged) {
    const range = ranges.get(part.server.id);
    if (range === undefined) continue;
    const isWhole = range.start === 0 && range.end === entries.length;
    return isWhole ? entries : entries.slice(range.start, range.end);
  }
  return [];
}
