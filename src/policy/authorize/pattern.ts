import { compileGlob } from "../../model/glob.ts";

/** What a pattern may open or close; `any` is everything of a server but extensions. */
export type Kind = "tool" | "prompt" | "resource" | "extension";

/** A pattern of permissions and policies, relative to a namespace. */
export interface Pattern {
  /** A name or a glob. */
  readonly server: string;
  readonly matchesServer: (name: string) => boolean;
  readonly kind: Kind | "any";
  /** As written: a name or a glob. */
  readonly text: string;
  readonly name: (name: string) => boolean;
}

export function matchesKind(ruleKind: Pattern["kind"], kind: Kind): boolean {
  return ruleKind === kind || (ruleKind === "any" && kind !== "extension");
}

/** The pattern without its namespace; `undefined` where it speaks of another one. */
export function withinNamespace(pattern: string, namespaceSlug: string): string | undefined {
  const match = /^([a-z0-9-]{1,32}|\*)\/(.*)$/s.exec(pattern);
  if (match === null) return pattern;
  return match[1] === namespaceSlug || match[1] === "*" ? match[2] : undefined;
}

/** One rule, or none for what is no pattern. */
export function parsePattern(pattern: string): Pattern[] {
  const colon = pattern.indexOf(":");
  const server = colon < 0 ? pattern : pattern.slice(0, colon);
  const rule = (kind: Pattern["kind"], name: string): Pattern[] => [
    { server, matchesServer: compileGlob(server), kind, text: name, name: compileGlob(name) },
  ];
  if (colon < 0) return server === "*" ? rule("any", "*") : [];
  const rest = pattern.slice(colon + 1);
  for (const kind of ["resource", "prompt", "extension"] as const) {
    if (rest.startsWith(`${kind}:`)) return rule(kind, rest.slice(kind.length + 1));
  }
  return rule(rest === "*" ? "any" : "tool", rest);
}

const PATTERN_LENGTH_MAX = 1_024;

/** Says something, whatever the namespace. */
export function isPattern(text: string): boolean {
  if (text.length > PATTERN_LENGTH_MAX) return false;
  const plain = text.replace(/^([a-z0-9-]{1,32}|\*)\//, "");
  return plain === "*" || /^[a-z0-9*-]{1,64}:.+$/s.test(plain);
}

const WHOLE_SERVER = /^(?:(?:[a-z0-9-]{1,32}|\*)\/)?([a-z0-9-]{1,32}):\*$/;

/** The one server a route's pattern names; `undefined` for a part of one, or for several. */
export function routedServer(pattern: string): string | undefined {
  return WHOLE_SERVER.exec(pattern)?.[1];
}
