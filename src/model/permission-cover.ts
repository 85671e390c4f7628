import { compileGlob } from "./glob.ts";

/** How permissions are spelled, 512 characters at most; `admin:` before an act is a claim mapping's alone. */
export const PERMISSION_PATTERN = /^([a-z0-9-]{1,32}\/)?(\*|[a-z0-9*?-]{1,32}:\S+)$/;
export const PERMISSION_CHARS_MAX = 512;

type Kind = "tool" | "prompt" | "resource" | "extension" | "any";
interface Pattern {
  readonly namespace: string;
  readonly server: string;
  readonly kind: Kind;
  readonly name: string;
}

/**
 * Whether everything `wanted` permits is permitted by `granted` too: what a key may be given by who makes it. Never says
 * yes wrongly; two patterns that together cover a third are not recognised.
 */
export function covers(granted: readonly string[], wanted: string): boolean {
  const want = parse(wanted);
  return granted.some((pattern) => {
    const grant = parse(pattern);
    if (grant.namespace !== "" && grant.namespace !== "*" && grant.namespace !== want.namespace) return false;
    if (grant.kind === "any" ? want.kind === "extension" : grant.kind !== want.kind) return false;
    return contains(grant.server, want.server) && (grant.kind === "any" || contains(grant.name, want.name));
  });
}

/** Patterns of either that the other permits too. Where two overlap and neither covers the other, what they share is left out. */
export function coveredBoth(first: readonly string[], second: readonly string[]): readonly string[] {
  const [ofFirst, ofSecond] = [new Set(first), new Set(second)];
  const kept = first.filter((pattern) => ofSecond.has(pattern) || covers(second, pattern));
  const added = second.filter((pattern) => !ofFirst.has(pattern) && covers(first, pattern));
  return added.length === 0 ? kept : [...kept, ...added];
}

/** A glob that matches another glob's own text matches all that one matches: its stars are met by stars alone. */
function contains(outer: string, inner: string): boolean {
  return outer === inner || compileGlob(outer)(inner);
}

function parse(pattern: string): Pattern {
  const qualified = /^([a-z0-9-]{1,32}|\*)\/(.*)$/s.exec(pattern);
  const namespace = qualified?.[1] ?? "";
  const plain = qualified?.[2] ?? pattern;
  const colon = plain.indexOf(":");
  if (colon < 0) return { namespace, server: plain, kind: "any", name: "*" };
  const server = plain.slice(0, colon);
  const rest = plain.slice(colon + 1);
  if (rest === "*") return { namespace, server, kind: "any", name: "*" };
  for (const kind of ["resource", "prompt", "extension"] as const) {
    if (rest.startsWith(`${kind}:`)) return { namespace, server, kind, name: rest.slice(kind.length + 1) };
  }
  return { namespace, server, kind: "tool", name: rest };
}
