import { compileGlob } from "../../model/glob.ts";
import type { OperationObject } from "../../model/operation.ts";
import type { VerbPattern } from "../../model/policy.ts";
import { withinNamespace } from "./pattern.ts";

const PATTERN_LENGTH_MAX = 1_024;

/** `server.create`, `server.*`, `*.delete`, `*.*`: whole words only. */
export function isVerb(text: string): text is VerbPattern {
  return /^(\*|[a-z0-9_]{1,64})\.(\*|[a-z0-9_]{1,64})$/.test(text);
}

export function matchesVerb(pattern: VerbPattern, verb: string): boolean {
  if (pattern === verb || pattern === "*.*") return true;
  const [noun, act] = pattern.split(".");
  const [ofNoun, ofAct] = verb.split(".");
  return (noun === "*" || noun === ofNoun) && (act === "*" || act === ofAct);
}

/** Objects of acts: `*`, or `noun:<glob over ids and names>`, each optionally preceded by `namespace/`. */
export interface ObjectPattern {
  /** `*` for any. */
  readonly noun: string;
  readonly text: string;
}

export function parseObjectPattern(pattern: string): ObjectPattern | undefined {
  if (pattern.length > PATTERN_LENGTH_MAX) return undefined;
  const plain = pattern.replace(/^([a-z0-9-]{1,32}|\*)\//, "");
  if (plain === "*") return { noun: "*", text: "*" };
  const match = /^([a-z0-9_]{1,64}|\*):(.+)$/s.exec(plain);
  return match === null ? undefined : { noun: match[1] as string, text: match[2] as string };
}

/** Whether the pattern says the same of every object of its noun, so that none has to be looked up. */
export function namesEveryObject(pattern: string): boolean {
  return withinNamespace(pattern, "") === pattern && parseObjectPattern(pattern)?.text === "*";
}

/** @returns whether the pattern names the object; one without id and name is named by `*` alone */
export function matcherOf(pattern: string): (object: OperationObject) => boolean {
  const parsed = parseObjectPattern(pattern);
  if (parsed === undefined) return () => false;
  const { noun, text } = parsed;
  const matches = compileGlob(text);
  return ({ kind, id, name, namespaceSlug }) =>
    (noun === "*" || noun === kind) &&
    withinNamespace(pattern, namespaceSlug ?? "") !== undefined &&
    (text === "*" || (id !== undefined && matches(id)) || (name !== undefined && matches(name)));
}
