import type { Policy } from "../../model/policy.ts";
import type { Principal } from "../../model/principal.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import { type Kind, matchesKind, type Pattern, parsePattern, withinNamespace } from "./pattern.ts";

/** What one principal may reach in one namespace. A definition is what its server listed, for conditions on annotations. */
export interface Permissions {
  /** Equal for principals that may see and do the same; keys the caches of filtered lists. */
  readonly key: string;
  /** No policy narrows it. */
  readonly isUnconditional: boolean;
  tool(server: string, name: string, definition?: JsonObject): boolean;
  prompt(server: string, name: string, definition?: JsonObject): boolean;
  resource(server: string, uri: string, definition?: JsonObject): boolean;
  extension(server: string, method: string): boolean;
  /** At least something of the server may be visible. */
  server(server: string): boolean;
  /** What may be used stands in lists too, unless a policy hides it there. */
  listed(kind: Kind, server: string, name: string, definition?: JsonObject): boolean;
  /** The policy whose condition on the call itself refuses what is visible. */
  refusal(
    kind: Kind,
    server: string,
    name: string,
    definition: JsonObject | undefined,
    facts: CallFacts,
  ): Policy | undefined;
}

/** What a call is judged by besides its target. */
export interface CallFacts {
  readonly args: JsonObject;
  readonly clientAddress: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What of a caller says what it is granted. */
type Granted = Pick<Principal, "role" | "platformAdmin" | "permissions" | "isNarrowed" | "permissionKey">;

/**
 * Patterns (decisions, "Names and URLs"): `server:tool`, `server:*` (everything of the server but extensions),
 * `server:resource:<uri glob>`, `server:prompt:<name>`, `server:extension:<method>`, each optionally preceded by
 * `namespace/`; `*` alone is `*:*`. A role of `admin` reaches everything of its organisation, by a token for some patterns
 * what they name; a `viewer` calls no tool.
 */
export function compilePermissions(principal: Granted, namespaceSlug: string): Permissions {
  if (principal.platformAdmin || (principal.role === "admin" && principal.isNarrowed !== true))
    return { ...EVERYTHING, key: principal.permissionKey };
  const plain = principal.permissions.flatMap((pattern) => withinNamespace(pattern, namespaceSlug) ?? []);
  const exactTools = new Set(plain.filter((pattern) => EXACT_TOOL.test(pattern) && !QUALIFIED.test(pattern)));
  const rules = new RuleTable(
    plain.flatMap((pattern) => (exactTools.has(pattern) ? [] : parsePattern(pattern))),
  );
  for (const tool of exactTools) rules.note(tool.slice(0, tool.indexOf(":")));
  const mayCall = principal.role !== "viewer";
  return {
    ...EVERYTHING,
    key: principal.permissionKey,
    tool: (server, name) =>
      mayCall &&
      (rules.allow("tool", server, name) || (exactTools.size > 0 && exactTools.has(`${server}:${name}`))),
    prompt: (server, name) => rules.allow("prompt", server, name),
    resource: (server, uri) => rules.allow("resource", server, uri),
    extension: (server, method) => mayCall && rules.allow("extension", server, method),
    server: (server) => rules.mention(server),
  };
}

const NONE: readonly Pattern[] = [];

/** Rules by the server they name, so that a caller with thousands of them pays for those of one server. */
class RuleTable {
  readonly #named = new Map<string, Pattern[]>();
  readonly #patterned: Pattern[] = [];

  constructor(rules: readonly Pattern[]) {
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
    for (const rule of this.#named.get(server) ?? NONE)
      if (matchesKind(rule.kind, kind) && rule.name(name)) return true;
    for (const rule of this.#patterned)
      if (matchesKind(rule.kind, kind) && rule.name(name) && rule.matchesServer(server)) return true;
    return false;
  }

  mention(server: string): boolean {
    return this.#named.has(server) || this.#patterned.some((rule) => rule.matchesServer(server));
  }
}

const EXACT_TOOL = /^[^:*]+:[^*]*$/;
const QUALIFIED = /^[^:]*:(resource|prompt|extension):/;

const EVERYTHING: Omit<Permissions, "key"> = {
  isUnconditional: true,
  tool: () => true,
  prompt: () => true,
  resource: () => true,
  extension: () => true,
  server: () => true,
  listed: () => true,
  refusal: () => undefined,
};
