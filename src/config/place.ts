import type { ConfigProblem } from "./problem.ts";

/** Where a value stands in the file, and what stood there before substitution. */
export interface Place {
  readonly line: number;
  readonly column: number;
  /** The text as written, where variables were replaced in it. */
  readonly written: string | undefined;
}

/** A parsed file: plain values, and a place for each path (`proxy.servers[0].name`). */
export interface ConfigDocument {
  readonly path: string;
  readonly tree: unknown;
  readonly places: ReadonlyMap<string, Place>;
  readonly problems: readonly ConfigProblem[];
  /** Paths of values that lack a variable; their problems are among `problems`. */
  readonly unsetPaths: readonly string[];
  /** Names of the variables that stand anywhere in its text. */
  readonly variables: ReadonlySet<string>;
}

/** The path of a member or element, as problems and places spell it. */
export function childPath(parent: string, key: string | number): string {
  if (typeof key === "number") return `${parent}[${key}]`;
  const name = /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
  return parent === "" ? name : `${parent}.${name}`;
}
