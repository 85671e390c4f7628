import { suffixed } from "../model/naming.ts";
import { type CatalogEntry, type CatalogPart, type ListKey, renamed } from "./catalog-part.ts";

/** Two servers claim the same wire name or URI; shown to the operator, never fatal. */
export interface Clash {
  readonly list: ListKey;
  readonly name: string;
  readonly servers: readonly string[];
}
/** Where a part's entries stand in a merged list. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Digits of the suffix in each round: eight tell apart all but tools that mean to collide. */
const SUFFIX_DIGITS = [8, 16, 32, 56];

/**
 * The tools or prompts of some parts, in their order. Names that replacing characters made equal get suffixes; all of them,
 * so that the result does not depend on order. A suffixed name may meet a tool that is called just so: such are suffixed
 * again, with more digits.
 */
export class NamedList {
  readonly entries: readonly CatalogEntry[];
  readonly clashes: readonly Clash[];
  /** By server id. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** Names that more than one entry had before suffixes told them apart, and the ids of their servers. */
  readonly contested: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #byWire: ReadonlyMap<string, CatalogEntry>;
  readonly #byBare: ReadonlyMap<string, readonly CatalogEntry[]>;

  constructor(list: "tools" | "prompts", parts: readonly CatalogPart[]) {
    const clashes: Clash[] = [];
    const ranges = new Map<string, Range>();
    const contested = new Map<string, Set<string>>();
    const merged: CatalogEntry[] = [];
    for (const part of parts) {
      const start = merged.length;
      for (const entry of distinct(part.entries[list], clashes)) merged.push(entry);
      ranges.set(part.server.id, { start, end: merged.length });
    }
    for (const digits of SUFFIX_DIGITS) {
      const clashing = sameNames(merged);
      if (clashing.size === 0) break;
      for (const [name, places] of clashing) {
        const same = places.map((at) => merged[at] as CatalogEntry);
        clashes.push({ list, name, servers: same.map(identity) });
        const holders = contested.get(name) ?? new Set();
        contested.set(name, holders);
        for (const at of places) {
          // A copy: the part's own is shared by every list that holds the part.
          const entry = merged[at] as CatalogEntry;
          const wireName = suffixed(name, entry.server.name, entry.name, digits);
          merged[at] = { ...entry, wireName, json: renamed(entry.definition, wireName) };
          holders.add(entry.server.id);
        }
      }
    }
    this.entries = merged;
    this.clashes = clashes;
    this.ranges = ranges;
    this.contested = contested;
    this.#byWire = new Map(merged.map((entry) => [entry.wireName, entry]));
    this.#byBare = byBare(merged);
  }

  /** By wire name or `server:name`; no server's name has a colon. */
  named(name: string): CatalogEntry | undefined {
    const found = this.#byWire.get(name);
    if (found !== undefined) return found;
    const colon = name.indexOf(":");
    if (colon < 0) return undefined;
    const server = name.slice(0, colon);
    return this.bare(name.slice(colon + 1)).find((entry) => entry.server.name === server);
  }

  /** Every entry whose own name it is. */
  bare(name: string): readonly CatalogEntry[] {
    return this.#byBare.get(name) ?? [];
  }

  /** The ids of the servers one of whose entries has this wire name, or had it before it was suffixed. */
  *holders(wireName: string): Iterable<string> {
    const entry = this.#byWire.get(wireName);
    if (entry !== undefined) yield entry.server.id;
    yield* this.contested.get(wireName) ?? [];
  }

  /** Every wire name that any of the entries has or had. */
  *wireNames(): Iterable<string> {
    yield* this.#byWire.keys();
    yield* this.contested.keys();
  }
}

const identity = (entry: CatalogEntry) => `${entry.server.name}:${entry.name}`;

/** Wire names that several entries have, with the entries' places. */
function sameNames(entries: readonly CatalogEntry[]): Map<string, number[]> {
  const first = new Map<string, number>();
  const same = new Map<string, number[]>();
  for (const [at, { wireName }] of entries.entries()) {
    const earlier = first.get(wireName);
    if (earlier === undefined) {
      first.set(wireName, at);
      continue;
    }
    const places = same.get(wireName);
    if (places === undefined) same.set(wireName, [earlier, at]);
    else places.push(at);
  }
  return same;
}

function byBare(entries: readonly CatalogEntry[]): Map<string, CatalogEntry[]> {
  const groups = new Map<string, CatalogEntry[]>();
  for (const entry of entries) {
    const same = groups.get(entry.name);
    if (same === undefined) groups.set(entry.name, [entry]);
    else same.push(entry);
  }
  return groups;
}

/** One server's entries without those it lists a second time under the same name. */
function distinct(entries: readonly CatalogEntry[], clashes: Clash[]): readonly CatalogEntry[] {
  const names = new Set<string>();
  return entries.filter((entry) => {
    if (!names.has(entry.name)) return names.add(entry.name);
    clashes.push({ list: entry.list, name: identity(entry), servers: [entry.server.name] });
    return false;
  });
}
