/** Where a wrong value was written. Lines and columns count from 1. */
export type ConfigSource =
  | { readonly kind: "file"; readonly path: string; readonly line: number; readonly column: number }
  | { readonly kind: "environment"; readonly name: string }
  | { readonly kind: "flag"; readonly name: string }
  | { readonly kind: "store"; readonly id: string }
  /** Written nowhere: a setting that is missing. */
  | { readonly kind: "unset" };

/** One mistake in the configuration, in words for the operator. Never holds a secret. */
export interface ConfigProblem {
  readonly source: ConfigSource;
  /** `proxy.servers[2].connection.url` */
  readonly key: string;
  readonly found: string;
  readonly expected: string;
  /** What would most likely put it right; empty where there is nothing better to say than `expected`. */
  readonly fix: string;
}

/** Every problem of one attempt to load a configuration. The command line ends with exit code 2 on it. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[]) {
    super(formatProblems(problems));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** `gateway.yaml:12:11: proxy.servers[2].connection.url: found "ftp://x", expected an http or https URL. Fix: …` */
export function formatProblem(problem: ConfigProblem): string {
  const fix = problem.fix === "" ? "" : ` Fix: ${problem.fix}${/[.?]$/.test(problem.fix) ? "" : "."}`;
  const key = problem.key === "" ? "" : `${problem.key}: `;
  return `${formatSource(problem.source)}${key}found ${problem.found}, expected ${problem.expected}.${fix}`;
}

export function formatProblems(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return `The configuration has ${count}:\n${problems.map((problem) => `  ${formatProblem(problem)}`).join("\n")}`;
}

function formatSource(source: ConfigSource): string {
  switch (source.kind) {
    case "file":
      return source.line > 0 ? `${source.path}:${source.line}:${source.column}: ` : `${source.path}: `;
    case "environment":
      return `environment variable ${source.name}: `;
    case "flag":
      return `${source.name}: `;
    case "store":
      return `store row ${source.id}: `;
    case "unset":
      return "";
  }
}

/** The candidate a typing mistake most likely meant, or undefined when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.min(3, Math.floor(word.length / 3))) + 0.5;
  const wanted = word.toLowerCase().replaceAll("-", "_");
  for (const candidate of candidates) {
    const name = candidate.toLowerCase().replaceAll("-", "_");
    const contained =
      wanted.startsWith(`${name}_`) || name.startsWith(`${wanted}_`) || name.endsWith(`_${wanted}`);
    const distance = name.replaceAll("_", "") === wanted.replaceAll("_", "") ? 0 : editDistance(wanted, name);
    const score = contained ? Math.min(1.5, distance) : distance;
    if (score < bestDistance) {
      best = candidate;
      bestDistance = score;
    }
  }
  return best;
}

/** Levenshtein distance with neighbouring letters exchanged counted as one. */
function editDistance(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > 8) return Number.POSITIVE_INFINITY;
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= from.length; i++) {
    const row: number[] = [i];
    for (let j = 1; j <= to.length; j++) {
      const cost = from[i - 1] === to[j - 1] ? 0 : 1;
      let least = Math.min(at(rows, i - 1, j) + 1, (row[j - 1] ?? 0) + 1, at(rows, i - 1, j - 1) + cost);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        least = Math.min(least, at(rows, i - 2, j - 2) + 1);
      }
      row.push(least);
    }
    rows.push(row);
  }
  return at(rows, from.length, to.length);
}

function at(rows: readonly (readonly number[])[], i: number, j: number): number {
  return rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
}
