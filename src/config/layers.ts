import type { Override } from "./environment.ts";
import { Refusal } from "./field.ts";
import { boolean, slug } from "./kinds.ts";
import type { ConfigDocument } from "./place.ts";
import type { ConfigProblem } from "./problem.ts";

type Tree = Record<string, unknown>;

/** The file's tree with the overrides written over it, later ones last; the file's own tree is not changed. */
export function overlay(tree: unknown, overrides: readonly Override[]): unknown {
  if (tree !== undefined && !isTree(tree)) return tree;
  let result: Tree = tree ?? {};
  for (const { key, value } of overrides) result = withValue(result, key.split("."), value);
  return result;
}

function withValue(tree: Tree, path: readonly string[], value: unknown): Tree {
  const [first = "", ...rest] = path;
  if (rest.length === 0) return { ...tree, [first]: value };
  const child = tree[first] ?? {};
  // A file that has a scalar where a section belongs is reported as it stands.
  return isTree(child) ? { ...tree, [first]: withValue(child, rest, value) } : tree;
}

interface Completed {
  readonly tree: unknown;
  readonly forgiven: ReadonlySet<ConfigProblem>;
}

/**
 * Leaves out servers that are switched off and lack a variable, and says which problems that forgives: an entry can wait
 * in the file until its secrets exist.
 */
export function withoutIncomplete(document: ConfigDocument | undefined): Completed {
  const forgiven = new Set<ConfigProblem>();
  const tree = document?.tree;
  if (!document || document.unsetPaths.length === 0 || !isTree(tree) || !isTree(tree["proxy"]))
    return { tree, forgiven };
  const proxy = tree["proxy"];
  if (!Array.isArray(proxy["servers"])) return { tree, forgiven };
  const dropped = new Set<number>();
  for (const [index, entry] of proxy["servers"].entries()) {
    if (!isTree(entry) || boolean.read(entry["enabled"]) !== false) continue;
    const prefix = `proxy.servers[${index}].`;
    if (!document.unsetPaths.some((path) => path.startsWith(prefix))) continue;
    dropped.add(index);
    for (const problem of document.problems) if (problem.key.startsWith(prefix)) forgiven.add(problem);
  }
  // A hole keeps the places of the entries behind it.
  const servers = proxy["servers"].map((entry, index) =>
    dropped.has(index) ? disabledEntry(entry, index) : entry,
  );
  return { tree: { ...tree, proxy: { ...proxy, servers } }, forgiven };
}

/** What commands act by that serve nobody; the rest of the file is for those who do. */
const OF_THE_DATA: ReadonlySet<string> = new Set([
  ...["data_dir", "master_key", "bootstrap_key", "store", "audit", "limits"],
]);

/**
 * Leaves out whole sections that lack a variable and that a command has no use for: the shell it is given in need not have
 * the secrets of servers and providers.
 */
export function withoutServing(document: ConfigDocument | undefined): Completed {
  const forgiven = new Set<ConfigProblem>();
  const whole = document?.tree;
  if (!document || !isTree(whole)) return { tree: whole, forgiven };
  const dropped = new Set(document.unsetPaths.map(sectionOf).filter((section) => !OF_THE_DATA.has(section)));
  const kept = Object.entries(whole).filter(([section]) => !dropped.has(section));
  for (const problem of document.problems) if (dropped.has(sectionOf(problem.key))) forgiven.add(problem);
  return { tree: Object.fromEntries(kept), forgiven };
}

function sectionOf(path: string): string {
  return /^[^.[]*/.exec(path)?.[0] ?? "";
}

function disabledEntry(entry: Tree, index: number): Tree {
  const name = slug.read(entry["name"]);
  return {
    name: name instanceof Refusal ? `disabled-${index}` : name,
    type: "stdio",
    command: "none",
    enabled: false,
  };
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
