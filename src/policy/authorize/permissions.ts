import { compileGlob } from "../../model/glob.ts";
import type { Principal } from "../../model/principal.ts";

/** What one principal may reach in one namespace, compiled from its role and permission patterns. */
export interface Permissions {
  tool(server: string, name: string): boolean;
  prompt(server: string, name: string): boolean;
  resource(server: string, uri: string): boolean;
  extension(server: string, method: string): boolean;
  /** At least something of the server may be visible. */
  server(server: string): boolean;
}

type Kind = "tool" | "prompt" | "resource" | "extension";
interface Rule {
  readonly server: (name: string) => boolean;
  readonly kind: Kind | "any";
  readonly name: (name: string) => boolean;
}

/**
 * Patterns (decisions, "Names and URLs"): `server:tool`, `server:*` (everything of the server but extensions),
 * `server:resource:<uri glob>`, `server:prompt:<name>`, `server:extension:<method>`, each optionally preceded by
 * `namespace/`; `*` alone is `*:*`. A role of `admin` reaches everything of its organisation; a `viewer` calls no tool.
 */
export function compilePermissions(principal: Principal, namespaceSlug: string): Permissions {
  if (principal.platformAdmin || principal.role === "admin") return EVERYTHING;
  const rules = principal.permissions.flatMap((pattern) => parsePattern(pattern, namespaceSlug));
  const exactTools = new Set<string>();
  const wholeServers = new Set<string>();
  for (const pattern of principal.permissions) {
    const plain = withinNamespace(pattern, namespaceSlug);
    if (plain === undefined) continue;
    if (/^[a-z0-9-]+:\*$/.test(plain)) wholeServers.add(plain.slice(0, -2));
    else if (!plain.includes("*") && !/^[^:]*:(resource|prompt|extension):/.test(plain))
      exactTools.add(plain);
  }
  const allows = (kind: Kind, server: string, name: string) =>
    rules.some((rule) => matchesKind(rule.kind, kind) && rule.server(server) && rule.name(name));
  const mayCall = principal.role !== "viewer";
  return {
    tool: (server, name) =>
      mayCall &&
      (wholeServers.has(server) || exactTools.has(`${server}:${name}`) || allows("tool", server, name)),
    prompt: (server, name) => wholeServers.has(server) || allows("prompt", server, name),
    resource: (server, uri) => wholeServers.has(server) || allows("resource", server, uri),
    extension: (server, method) => mayCall && allows("extension", server, method),
    server: (server) => wholeServers.has(server) || rules.some((rule) => rule.server(server)),
  };
}

const EVERYTHING: Permissions = {
  tool: () => true,
  prompt: () => true,
  resource: () => true,
  extension: () => true,
  server: () => true,
};

function matchesKind(ruleKind: Rule["kind"], kind: Kind): boolean {
  return ruleKind === kind || (ruleKind === "any" && kind !== "extension");
}

function withinNamespace(pattern: string, namespaceSlug: string): string | undefined {
  const match = /^([a-z0-9-]{1,32}|\*)\/(.*)$/s.exec(pattern);
  if (match === null) return pattern;
  return match[1] === namespaceSlug || match[1] === "*" ? match[2] : undefined;
}

function parsePattern(pattern: string, namespaceSlug: string): Rule[] {
  const plain = withinNamespace(pattern, namespaceSlug);
  if (plain === undefined) return [];
  const [server = "", second] = plain.split(":", 2);
  const serverMatches = compileGlob(server);
  if (second === undefined) {
    return server === "*" ? [{ server: serverMatches, kind: "any", name: () => true }] : [];
  }
  const rest = plain.slice(server.length + 1);
  for (const kind of ["resource", "prompt", "extension"] as const) {
    if (rest.startsWith(`${kind}:`)) {
      return [{ server: serverMatches, kind, name: compileGlob(rest.slice(kind.length + 1)) }];
    }
  }
  if (rest === "*") return [{ server: serverMatches, kind: "any", name: () => true }];
  return [{ server: serverMatches, kind: "tool", name: compileGlob(rest) }];
}
