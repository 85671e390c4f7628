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
  /** A name or a glob. */
  readonly server: string;
  readonly matchesServer: (name: string) => boolean;
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
  const plain = principal.permissions.flatMap((pattern) => withinNamespace(pattern, namespaceSlug) ?? []);
  const exactTools = new Set(plain.filter((pattern) => EXACT_TOOL.test(pattern) && !QUALIFIED.test(pattern)));
  const rules = new RuleTable(
    plain.flatMap((pattern) => (exactTools.has(pattern) ? [] : parsePattern(pattern))),
  );
  for (const tool of exactTools) rules.note(tool.slice(0, tool.indexOf(":")));
  const mayCall = principal.role !== "viewer";
  return {
    tool: (server, name) =>
      mayCall && (exactTools.has(`${server}:${name}`) || rules.allow("tool", server, name)),
    prompt: (server, name) => rules.allow("prompt", server, name),
    resource: (server, uri) => rules.allow("resource", server, uri),
    extension: (server, method) => mayCall && rules.allow("extension", server, method),
    server: (server) => rules.mention(server),
  };
}

/** Rules by the server they name, so that a caller with thousands of them pays for those of one server. */
class RuleTable {
  readonly #named = new Map<string, Rule[]>();
  readonly #patterned: Rule[] = [];

  constructor(rules: readonly Rule[]) {
    for (const rule of rules) {
      const known = this.#named.get(rule.server);
      if (rule.server.includes("*")) this.#patterned.push(rule);
      else if (known === undefined) this.#named.set(rule.server, [rule]);
      else known.push(rule);
    }
  }

  /** A server that something is permitted of, without a rule of its own here. */
  note(server: string): void {
    if (!this.#named.has(server)) this.#named.set(server, []);
  }

  allow(kind: Kind, server: string, name: string): boolean {
    const allows = (rule: Rule) => matchesKind(rule.kind, kind) && rule.name(name);
    return (
      this.#named.get(server)?.some(allows) === true ||
      this.#patterned.some((rule) => rule.matchesServer(server) && allows(rule))
    );
  }

  mention(server: string): boolean {
    return this.#named.has(server) || this.#patterned.some((rule) => rule.matchesServer(server));
  }
}

const EXACT_TOOL = /^[^:*]+:[^*]*$/;
const QUALIFIED = /^[^:]*:(resource|prompt|extension):/;

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

/** One rule, or none for what is no pattern. */
function parsePattern(pattern: string): Rule[] {
  const colon = pattern.indexOf(":");
  const server = colon < 0 ? pattern : pattern.slice(0, colon);
  const rule = (kind: Rule["kind"], name: string): Rule[] => [
    { server, matchesServer: compileGlob(server), kind, name: compileGlob(name) },
  ];
  if (colon < 0) return server === "*" ? rule("any", "*") : [];
  const rest = pattern.slice(colon + 1);
  for (const kind of ["resource", "prompt", "extension"] as const) {
    if (rest.startsWith(`${kind}:`)) return rule(kind, rest.slice(kind.length + 1));
  }
  return rule(rest === "*" ? "any" : "tool", rest);
}
