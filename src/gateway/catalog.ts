import { createHash } from "node:crypto";
import { suffixed } from "../model/naming.ts";
import type { NamespaceSnapshot } from "../model/snapshot.ts";
import { type CatalogEntry, type CatalogPart, type ListKey, renamed } from "./catalog-part.ts";

/** Two servers claim the same wire name or URI; shown to the operator, never fatal. */
export interface Clash {
  readonly list: ListKey;
  readonly name: string;
  readonly servers: readonly string[];
}

/**
 * The merged lists of one namespace: immutable, rebuilt when a part changes. Order is by server name, then as the
 * server listed it, so that it is the same for every caller and replica.
 */
export class Catalog {
  readonly namespace: NamespaceSnapshot;
  readonly parts: readonly CatalogPart[];
  readonly version: string;
  readonly clashes: readonly Clash[];
  readonly #merged: Readonly<Record<ListKey, readonly CatalogEntry[]>>;
  readonly #byWire: Readonly<Record<"tools" | "prompts", Map<string, CatalogEntry>>>;
  readonly #byIdentity: Readonly<Record<"tools" | "prompts", Map<string, CatalogEntry>>>;
  readonly #byBare: Readonly<Record<"tools" | "prompts", Map<string, CatalogEntry[]>>>;
  readonly #resources: ReadonlyMap<string, CatalogEntry>;
  readonly #partByServerId: ReadonlyMap<string, CatalogPart>;

  constructor(namespace: NamespaceSnapshot, parts: readonly CatalogPart[]) {
    this.namespace = namespace;
    this.parts = [...parts].sort((a, b) => (a.server.name < b.server.name ? -1 : 1));
    this.#partByServerId = new Map(this.parts.map((part) => [part.server.id, part]));
    this.version = createHash("sha256")
      .update(
        this.parts.map((part) => `${part.server.id}=${part.server.fingerprint}=${part.version}`).join("|"),
      )
      .digest("base64url")
      .slice(0, 16);
    const clashes: Clash[] = [];
    const tools = mergeNamed("tools", this.parts, clashes);
    const prompts = mergeNamed("prompts", this.parts, clashes);
    const resources = mergeFirst("resources", this.parts, clashes);
    const resourceTemplates = mergeFirst("resourceTemplates", this.parts, clashes);
    this.#merged = { tools, prompts, resources, resourceTemplates };
    this.#byWire = { tools: index(tools, wire), prompts: index(prompts, wire) };
    this.#byIdentity = { tools: index(tools, own), prompts: index(prompts, own) };
    this.#byBare = { tools: group(tools), prompts: group(prompts) };
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

const wire = (entry: CatalogEntry) => entry.wireName;
const own = (entry: CatalogEntry) => `${entry.server.name}:${entry.name}`;

function index(
  entries: readonly CatalogEntry[],
  key: (entry: CatalogEntry) => string,
): Map<string, CatalogEntry> {
  return new Map(entries.map((entry) => [key(entry), entry]));
}

function group(entries: readonly CatalogEntry[]): Map<string, CatalogEntry[]> {
  const groups = new Map<string, CatalogEntry[]>();
  for (const entry of entries) {
    const same = groups.get(entry.name);
    if (same === undefined) groups.set(entry.name, [entry]);
    else same.push(entry);
  }
  return groups;
}

/** Names that replacing characters made equal get suffixes; all of them, so that the result does not depend on order. */
function mergeNamed(
  list: "tools" | "prompts",
  parts: readonly CatalogPart[],
  clashes: Clash[],
): CatalogEntry[] {
  const merged = parts.flatMap((part) => part.entries[list].map((entry) => ({ ...entry })));
  const byName = new Map<string, CatalogEntry[]>();
  for (const entry of merged) {
    const same = byName.get(entry.wireName);
    if (same === undefined) byName.set(entry.wireName, [entry]);
    else same.push(entry);
  }
  for (const [name, same] of byName) {
    if (same.length === 1) continue;
    clashes.push({ list, name, servers: same.map(own) });
    for (const entry of same) {
      entry.wireName = suffixed(name, entry.server.name, entry.name);
      entry.json = renamed(entry.definition, entry.wireName);
    }
  }
  return merged;
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
