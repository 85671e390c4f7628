import { suffixed } from "../model/naming.ts";
import type { NamespaceSnapshot } from "../model/snapshot.ts";
import { type CatalogEntry, type CatalogPart, type ListKey, renamed } from "./catalog-part.ts";

/** Two servers claim the same wire name or URI; shown to the operator, never fatal. */
export interface Clash {
  readonly list: ListKey;
  readonly name: string;
  readonly servers: readonly string[];
}

const TTL_MS_MAX = 300_000;

/**
 * The merged lists of one namespace: immutable, rebuilt when a part changes. Order is by server name, then as the
 * server listed it, so that it is the same for every caller and replica.
 */
export class Catalog {
  readonly namespace: NamespaceSnapshot;
  readonly parts: readonly CatalogPart[];
  readonly clashes: readonly Clash[];
  /** The catalog of those without a route; itself, where it is that. */
  readonly base: Catalog;
  /** Tells apart the catalogs of one base: the routes of those it is for. */
  readonly variant: string;
  /** Until the first of its parts is read again. */
  readonly ttlMs: number;
  readonly #merged: Readonly<Record<ListKey, readonly CatalogEntry[]>>;
  readonly #byWire: Readonly<Record<"tools" | "prompts", Map<string, CatalogEntry>>>;
  readonly #byIdentity: Readonly<Record<"tools" | "prompts", Map<string, CatalogEntry>>>;
  readonly #byBare: Readonly<Record<"tools" | "prompts", Map<string, CatalogEntry[]>>>;
  readonly #resources: ReadonlyMap<string, CatalogEntry>;
  readonly #partByServerId: ReadonlyMap<string, CatalogPart>;

  constructor(
    namespace: NamespaceSnapshot,
    parts: readonly CatalogPart[],
    routed?: { readonly base: Catalog; readonly key: string },
  ) {
    this.namespace = namespace;
    this.base = routed?.base ?? this;
    this.variant = routed?.key ?? "";
    this.parts = [...parts].sort((a, b) => (a.server.name < b.server.name ? -1 : 1));
    this.ttlMs = parts.reduce((least, part) => Math.min(least, part.server.refreshIntervalMs), TTL_MS_MAX);
    this.#partByServerId = new Map(this.parts.map((part) => [part.server.id, part]));
    const clashes: Clash[] = [];
    const tools = mergeNamed("tools", this.parts, clashes);
    const prompts = mergeNamed("prompts", this.parts, clashes);
    const owners = routed === undefined ? this.parts : routedFirst(this.parts);
    const resources = mergeFirst("resources", owners, clashes);
    const resourceTemplates = mergeFirst("resourceTemplates", owners, clashes);
    this.#merged = { tools, prompts, resources, resourceTemplates };
    this.#byWire = { tools: index(tools, wire), prompts: index(prompts, wire) };
    this.#byIdentity = { tools: index(tools, own), prompts: index(prompts, own) };
    this.#byBare = { tools: groupBy(tools, bare), prompts: groupBy(prompts, bare) };
    this.#resources = new Map(resources.map((entry) => [entry.name, entry]));
    this.clashes = clashes;
  }

  list(key: ListKey): readonly CatalogEntry[] {
    return this.#merged[key];
  }
  part(serverId: string): CatalogPart | undefined {
    return this.#partByServerId.get(serverId);
  }

  /** By wire name or `server:name`; bare names are the caller's matter, see `bare`. */
  named(key: "tools" | "prompts", name: string): CatalogEntry | undefined {
    return this.#byWire[key].get(name) ?? this.#byIdentity[key].get(name);
  }
  /** Every entry whose own name it is. */
  bare(key: "tools" | "prompts", name: string): readonly CatalogEntry[] {
    return this.#byBare[key].get(name) ?? [];
  }
  resource(uri: string): CatalogEntry | undefined {
    return this.#resources.get(uri);
  }
}

const bare = (entry: CatalogEntry) => entry.name;
const wire = (entry: CatalogEntry) => entry.wireName;
const own = (entry: CatalogEntry) => `${entry.server.name}:${entry.name}`;

function index(
  entries: readonly CatalogEntry[],
  key: (entry: CatalogEntry) => string,
): Map<string, CatalogEntry> {
  return new Map(entries.map((entry) => [key(entry), entry]));
}

function groupBy(
  entries: readonly CatalogEntry[],
  key: (entry: CatalogEntry) => string,
): Map<string, CatalogEntry[]> {
  const groups = new Map<string, CatalogEntry[]>();
  for (const entry of entries) {
    const same = groups.get(key(entry));
    if (same === undefined) groups.set(key(entry), [entry]);
    else same.push(entry);
  }
  return groups;
}

/** Digits of the suffix in each round: eight tell apart all but tools that mean to collide. */
const SUFFIX_DIGITS = [8, 16, 32, 56];

/**
 * Names that replacing characters made equal get suffixes; all of them, so that the result does not depend on order. A
 * suffixed name may meet a tool that is called just so: such are suffixed again, with more digits.
 */
function mergeNamed(
  list: "tools" | "prompts",
  parts: readonly CatalogPart[],
  clashes: Clash[],
): CatalogEntry[] {
  const merged = parts.flatMap((part) =>
    distinct(part.entries[list], clashes).map((entry) => ({ ...entry })),
  );
  for (const digits of SUFFIX_DIGITS) {
    const clashing = [...groupBy(merged, wire)].filter(([, same]) => same.length > 1);
    if (clashing.length === 0) break;
    for (const [name, same] of clashing) {
      clashes.push({ list, name, servers: same.map(own) });
      for (const entry of same) {
        entry.wireName = suffixed(name, entry.server.name, entry.name, digits);
        entry.json = renamed(entry.definition, entry.wireName);
      }
    }
  }
  return merged;
}

/** One server's entries without those it lists a second time under the same name. */
function distinct(entries: readonly CatalogEntry[], clashes: Clash[]): readonly CatalogEntry[] {
  const names = new Set<string>();
  return entries.filter((entry) => {
    if (!names.has(entry.name)) return names.add(entry.name);
    clashes.push({ list: entry.list, name: own(entry), servers: [entry.server.name] });
    return false;
  });
}

/** A server that serves under another's name too has its URIs there: that is the name the caller was routed by. */
function routedFirst(parts: readonly CatalogPart[]): readonly CatalogPart[] {
  const isRouted = ({ server }: CatalogPart) => server.servedBy !== undefined;
  return [...parts.filter(isRouted), ...parts.filter((part) => !isRouted(part))];
}

/** A URI is not renamed: the first server by name owns it, the others keep theirs at their own endpoints. */
function mergeFirst(
  list: "resources" | "resourceTemplates",
  parts: readonly CatalogPart[],
  clashes: Clash[],
): CatalogEntry[] {
  const owners = new Map<string, CatalogEntry>();
  for (const part of parts) {
    for (const entry of part.entries[list]) {
      const owner = owners.get(entry.name);
      if (owner === undefined) owners.set(entry.name, entry);
      else clashes.push({ list, name: entry.name, servers: [owner.server.name, entry.server.name] });
    }
  }
  return [...owners.values()];
}
