import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import { type ConfigDocument, childPath, type Place } from "./place.ts";
import type { ConfigProblem } from "./problem.ts";
import { type Environment, substitute } from "./substitution.ts";

/** A larger file, or one that aliases blow up to more values, is refused. */
const VALUES_MAX = 200_000;

/**
 * Parses YAML 1.2 (with `<<` merges) and replaces variables in its string values. All mistakes are reported, none thrown.
 */
export function readDocument(text: string, path: string, environment: Environment): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const reader = new Reader(path, lines, environment, document);
  const faults = [...document.errors, ...document.warnings];
  for (const fault of faults) reader.refuseSyntax(fault, text);
  // Whoever writes in place empties the file first, and may be held up, or end, then: that is no wish for nothing but defaults.
  if (text.trim() === "") reader.problems.push(emptyFile(path));
  const tree = faults.length > 0 || document.contents === null ? {} : reader.value(document.contents, "");
  const { places, problems, unsetPaths } = reader;
  return { path, tree, places, problems, unsetPaths, variables: variablesIn(text) };
}

function emptyFile(path: string): ConfigProblem {
  return {
    source: { kind: "file", path, line: 1, column: 1 },
    key: "",
    found: "an empty file",
    expected: "settings",
    fix: "write {} where all defaults are meant",
  };
}

/** Read from the text, so that a file with a mistake in it names them too. */
function variablesIn(text: string): ReadonlySet<string> {
  return new Set(Array.from(text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)/g), ([, name = ""]) => name));
}

class Reader {
  readonly places = new Map<string, Place>();
  readonly problems: ConfigProblem[] = [];
  readonly unsetPaths: string[] = [];
  readonly #path: string;
  readonly #lines: LineCounter;
  readonly #environment: Environment;
  readonly #document: ReturnType<typeof parseDocument>;
  readonly #faultyLines = new Set<number>();
  readonly #targets = new Map<Alias, Node | null>();
  #values = 0;

  constructor(
    path: string,
    lines: LineCounter,
    environment: Environment,
    document: ReturnType<typeof parseDocument>,
  ) {
    this.#path = path;
    this.#lines = lines;
    this.#environment = environment;
    this.#document = document;
  }

  value(node: Node | null, path: string): unknown {
    if (++this.#values > VALUES_MAX) {
      if (this.#values === VALUES_MAX + 1) {
        this.#refuse(node, path, "more than 200,000 values", "a smaller file", "remove nested aliases");
      }
      return undefined;
    }
    if (node === null) return null;
    if (!this.places.has(path)) this.#place(path, node, undefined);
    if (isAlias(node)) return this.value(this.#meant(node), path);
    if (isMap(node)) return this.#map(node, path);
    if (isSeq(node)) {
      return node.items.map((item, index) => this.value(item as Node | null, childPath(path, index)));
    }
    return isScalar(node) ? this.#scalar(node, path) : undefined;
  }

  /** Looked for once: each look goes through the whole document, and nested aliases meet the same one many times. */
  #meant(alias: Alias): Node | null {
    let node = this.#targets.get(alias);
    if (node === undefined) {
      node = alias.resolve(this.#document) ?? null;
      this.#targets.set(alias, node);
    }
    return node;
  }

  #map(node: YAMLMap, path: string): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const merged: Node[] = [];
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = keyText(pair.key);
      if (key === "<<") {
        if (pair.value) merged.push(pair.value);
        continue;
      }
      if (key === undefined || key === "__proto__") {
        this.#refuse(pair.key, path, "a key that is no plain text", "the name of a setting", "");
        continue;
      }
      const child = childPath(path, key);
      this.#place(`${child}#key`, pair.key, undefined);
      if (pair.value === null) this.#place(child, pair.key, undefined);
      result[key] = this.value(pair.value, child);
    }
    for (const source of merged.flatMap((value) => this.#mergeSources(value))) {
      const inherited = this.value(source, path);
      if (typeof inherited !== "object" || inherited === null || Array.isArray(inherited)) {
        this.#refuse(
          source,
          path,
          "a merge (<<) of something else",
          "a map, or a list of maps, to merge",
          "",
        );
        continue;
      }
      for (const [key, value] of Object.entries(inherited)) {
        if (!Object.hasOwn(result, key)) result[key] = value;
      }
    }
    return result;
  }

  #mergeSources(node: Node): Node[] {
    const target = isAlias(node) ? (node.resolve(this.#document) ?? node) : node;
    return isSeq(target) ? (target.items as Node[]) : [target];
  }

  #scalar(node: Scalar, path: string): unknown {
    if (typeof node.value !== "string") return node.value;
    const { text, replaced, unset, malformed } = substitute(node.value, this.#environment);
    if (replaced) this.#place(path, node, node.value);
    if (malformed !== undefined) {
      const fix = "write $$ for a dollar sign that is meant as itself";
      this.#refuse(node, path, malformed, "${VARIABLE} or ${VARIABLE:-default}", fix);
    }
    for (const name of unset) {
      const fix = `set ${name}, or write \${${name}:-default}`;
      this.#refuse(node, path, `\${${name}}, which is not set`, "a variable that is set", fix);
    }
    if (unset.length > 0) this.unsetPaths.push(path);
    return text;
  }

  refuseSyntax({ pos, code, message }: YAMLError, text: string): void {
    const { line, col: column } = this.#lines.linePos(pos[0]);
    // What follows on the same line mostly follows from the first.
    if (this.#faultyLines.has(line)) return;
    this.#faultyLines.add(line);
    const source = text.split("\n", line)[line - 1] ?? "";
    const fix = /[[{,:]\s*[^"'\s]*\$\{/.test(source)
      ? "put the value with ${…} in double quotes"
      : source.includes("\t")
        ? "indent with spaces, not tabs"
        : "";
    const place = { kind: "file", path: this.#path, line, column } as const;
    if (code === "DUPLICATE_KEY") {
      const [, key = ""] = /^["']?([^"':]*)/.exec(source.slice(column - 1)) ?? [];
      const found = `the key "${key.trim()}" a second time`;
      this.problems.push({ source: place, key: "", found, expected: "each key once", fix: "remove one" });
      return;
    }
    this.problems.push({
      source: place,
      key: "",
      found: `a YAML mistake (${message.replace(/\s+/g, " ").replace(/[.:]+$/, "")})`,
      expected: "valid YAML",
      fix,
    });
  }

  #place(path: string, node: Node, written: string | undefined): void {
    const { line, col } = this.#lines.linePos(node.range?.[0] ?? 0);
    this.places.set(path, { line, column: col, written });
  }

  #refuse(node: Node | null, key: string, found: string, expected: string, fix: string): void {
    const { line, col: column } = this.#lines.linePos(node?.range?.[0] ?? 0);
    this.problems.push({
      source: { kind: "file", path: this.#path, line, column },
      key,
      found,
      expected,
      fix,
    });
  }
}

function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  if (typeof key.value === "symbol") return key.value.description;
  return key.value === null ? undefined : String(key.value);
}
