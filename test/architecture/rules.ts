import { posix } from "node:path";
import { importsOf } from "./imports.ts";
import { type Token, tokenize } from "./tokens.ts";

/** A source of the project: its path from the root, with slashes, and its text. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly rule:
    | "direction"
    | "implementation"
    | "cycle"
    | "environment"
    | "name"
    | "length"
    | "any"
    | "import";
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** From the bottom up; a folder imports from floors below its own, never from its own floor's other folders. */
export const floors: readonly (readonly string[])[] = [
  ["errors"],
  ["protocol"],
  ["model"],
  ["net"],
  ["policy", "auth", "upstreams", "transports", "storage", "journal", "telemetry", "peers"],
  ["gateway"],
  ["config"],
  ["admin"],
  ["server"],
  ["cli"],
];

/** Folders beside the floors, with all that they may import. */
const beside: Readonly<Record<string, readonly string[]>> = { client: ["protocol", "model"] };

/** Implementations of ports: named where the program is put together, and by commands that work without a server. */
const implementations = new Set([
  "auth",
  "upstreams",
  "transports",
  "storage",
  "journal",
  "telemetry",
  "peers",
]);
const mayNameImplementations = (path: string) =>
  path.startsWith("src/server/") || path.startsWith("src/cli/");

const vagueName = /^(utils?|helpers?|common|commons|services?|misc|managers?|impl)$/i;
const LINES_MAX = 400;

const isTest = (path: string) => path.endsWith(".test.ts");
const folderOf = (path: string) => path.split("/")[1] ?? "";
const floorOf = (folder: string) => floors.findIndex((floor) => floor.includes(folder));

interface Read {
  readonly path: string;
  readonly tokens: readonly Token[];
  readonly lines: number;
  readonly imports: readonly { target: string | undefined; line: number }[];
}

function read({ path, text }: Source): Read {
  const tokens = tokenize(text);
  return {
    path,
    tokens,
    lines: text.split("\n").length - (text.endsWith("\n") ? 1 : 0),
    imports: importsOf(tokens).flatMap(({ specifier, line }): Read["imports"] => {
      if (specifier === undefined) return [{ target: undefined, line }];
      if (!specifier.startsWith(".")) return [];
      return [{ target: posix.normalize(posix.join(posix.dirname(path), specifier)), line }];
    }),
  };
}

function directionProblem(from: string, to: string): string | undefined {
  if (from === to) return undefined;
  const allowed = beside[from];
  if (allowed)
    return allowed.includes(to) ? undefined : `${from} imports ${allowed.join(" and ")} only, not ${to}`;
  const [source, target] = [floorOf(from), floorOf(to)];
  if (source < 0) return `src/${from} has no floor; give it one in test/architecture/rules.ts, with an ADR`;
  if (beside[to] && from === "cli") return undefined;
  if (target < 0) return `${from} must not import ${to}`;
  if (target === source)
    return `${from} and ${to} are on one floor; what they share is a port in model/ports`;
  return target > source ? `${from} is below ${to}` : undefined;
}

function importViolations({ path, imports }: Read, known: ReadonlySet<string>): Violation[] {
  return imports.flatMap(({ target, line }): Violation[] => {
    if (target === undefined) {
      return [{ rule: "import", path, line, text: "a computed import hides what is imported" }];
    }
    if (!target.startsWith("src/")) {
      // Data and texts beside the sources (package.json) may be read; programs outside src may not.
      if (isTest(path) || target.endsWith(".json")) return [];
      return [{ rule: "direction", path, line, text: `imports ${target}, outside src` }];
    }
    if (!known.has(target) && target.endsWith(".ts")) {
      return [{ rule: "import", path, line, text: `imports ${target}, which does not exist` }];
    }
    const [from, to] = [folderOf(path), folderOf(target)];
    const found: Violation[] = [];
    const problem = directionProblem(from, to);
    if (problem !== undefined) found.push({ rule: "direction", path, line, text: problem });
    else if (from !== to && implementations.has(to) && !mayNameImplementations(path) && !isTest(path)) {
      const text = `names ${target}; only src/server and src/cli name implementations`;
      found.push({ rule: "implementation", path, line, text });
    }
    return found;
  });
}

/** One violation for each group of files that reach each other. */
function cycles(files: readonly Read[]): Violation[] {
  const edges = new Map(
    files.map(({ path, imports }) => [path, imports.flatMap(({ target }) => target ?? [])]),
  );
  const state = new Map<string, "open" | "done">();
  const trail: string[] = [];
  const found: Violation[] = [];
  const visit = (path: string) => {
    state.set(path, "open");
    trail.push(path);
    for (const next of edges.get(path) ?? []) {
      if (!edges.has(next)) continue;
      const seen = state.get(next);
      if (seen === "open") {
        const loop = [...trail.slice(trail.indexOf(next)), next];
        found.push({ rule: "cycle", path, line: 1, text: loop.join(" → ") });
      } else if (seen === undefined) visit(next);
    }
    trail.pop();
    state.set(path, "done");
  };
  for (const path of edges.keys()) if (!state.has(path)) visit(path);
  return found;
}

/** Reads of the environment, in each way to write one. */
function environmentViolations({ path, tokens }: Read): Violation[] {
  if (isTest(path) || path.startsWith("src/config/")) return [];
  const texts = tokens.map(({ text }) => text);
  return tokens.flatMap(({ line }, i): Violation[] => {
    const at = texts.slice(i, i + 6);
    const member =
      (at[0] === "process" || at[0] === "Bun") && (at[1] === "." || at[1] === "?") && at.includes("env");
    const direct = member && (at[2] === "env" || (at[1] === "?" && at[3] === "env"));
    const bracket = (at[0] === "process" || at[0] === "Bun") && at[1] === "[" && at[2] === "env";
    const meta = at.slice(0, 5).join("") === "import.meta.env";
    // `const { env } = process`, `import { env } from "node:process"`
    const taken =
      at[0] === "env" &&
      (at[1] === "}" || at[1] === "," || at[1] === ":" || at[1] === "as") &&
      /^[^;]{0,200}?\}\s(=\s(process|Bun)\s(?![.[?])|from\s(node:)?process(\s|$))/.test(
        `${texts.slice(i, i + 60).join(" ")} `,
      );
    if (!direct && !bracket && !meta && !taken) return [];
    return [{ rule: "environment", path, line, text: "reads the environment; only src/config does" }];
  });
}

/** `any` where a type stands. A method or key of that name (`Promise.any`, `z.any()`) is none. */
function anyViolations({ path, tokens }: Read): Violation[] {
  const typePlace = new Set([
    "as",
    ":",
    "<",
    ",",
    "|",
    "&",
    "=",
    "(",
    ">",
    "extends",
    "is",
    "readonly",
    "keyof",
  ]);
  return tokens.flatMap(({ kind, text, line }, i): Violation[] => {
    if (kind !== "word" || text !== "any") return [];
    const next = tokens[i + 1]?.text;
    if (!typePlace.has(tokens[i - 1]?.text ?? "") || next === ":" || next === "(" || next === "?") return [];
    return [{ rule: "any", path, line, text: "`any` turns the checks off; use `unknown` and look" }];
  });
}

function nameViolations({ path }: Read): Violation[] {
  const vague = path.split(/[/.\-_]/).find((part) => vagueName.test(part));
  if (vague === undefined) return [];
  return [{ rule: "name", path, line: 1, text: `"${vague}" names no thing; what is it?` }];
}

function lengthViolations({ path, lines }: Read, allowed: Readonly<Record<string, string>>): Violation[] {
  if (lines <= LINES_MAX || allowed[path] !== undefined) return [];
  const text = `${lines} lines, ${LINES_MAX} at most: which noun is hiding in it?`;
  return [{ rule: "length", path, line: LINES_MAX + 1, text }];
}

/**
 * Everything in these sources that breaks a rule of the layout.
 * @param allowedLong path → reason, for files that may be longer than 400 lines
 */
export function violations(
  sources: readonly Source[],
  allowedLong: Readonly<Record<string, string>> = {},
): Violation[] {
  const files = sources.map(read);
  const inSrc = files.filter(({ path }) => path.startsWith("src/"));
  const known = new Set(inSrc.map(({ path }) => path));
  return [
    ...inSrc.flatMap((file) => importViolations(file, known)),
    ...cycles(files),
    ...inSrc.flatMap(environmentViolations),
    ...files.flatMap(anyViolations),
    ...files.flatMap(nameViolations),
    ...files.flatMap((file) => lengthViolations(file, allowedLong)),
  ];
}
