import { GatewayError } from "../../errors/gateway-error.ts";
import {
  type ClaimMapping,
  isActPattern,
  NO_CLAIM_MAPPING,
  scopesSuffice,
} from "../../model/claim-mapping.ts";
import { bearerChallenge, type ChallengeSettings } from "../authenticate/challenge.ts";
import { namesAct } from "./act-areas.ts";
import { type Kind, matchesKind, type Pattern, parsePattern, withinNamespace } from "./pattern.ts";
import type { Permissions } from "./permissions.ts";

export type ScopeRuleSettings = Pick<ClaimMapping, "permissions" | "scopeMode" | "defaultScope">;

interface Rule {
  readonly needed: readonly string[];
  readonly patterns: readonly Pattern[];
}

/** The rules of each organisation, made when they are first asked for and again when its claim mapping is another. */
export function scopeRulesBy(
  mappingOf: (organizationId: string) => ScopeRuleSettings | undefined,
  challenge: ChallengeSettings,
): (organizationId: string) => ScopeRules {
  const known = new WeakMap<ScopeRuleSettings, ScopeRules>();
  return (organizationId) => {
    const mapping = mappingOf(organizationId) ?? NO_CLAIM_MAPPING;
    let rules = known.get(mapping);
    if (rules === undefined) known.set(mapping, (rules = new ScopeRules(mapping, challenge)));
    return rules;
  };
}

/** Which scopes of a token open what (`auth.permissions`), for callers whom scopes govern. */
export class ScopeRules {
  readonly #settings: ScopeRuleSettings;
  readonly #challenge: ChallengeSettings;
  readonly #byNamespace = new Map<string, readonly Rule[]>();

  constructor(settings: ScopeRuleSettings, challenge: ChallengeSettings) {
    this.#settings = settings;
    this.#challenge = challenge;
  }

  /** The refusal that names all scopes a request needs (RFC 6750, 3.1; 2026-07-28 authorization, "Scope challenges"). */
  refusal(path: string, scopes: readonly string[]): GatewayError {
    const scope = scopes.join(" ");
    const challenge = bearerChallenge(this.#challenge, path, { error: "insufficient_scope", scope });
    return new GatewayError(
      "insufficient_scope",
      { scope },
      { data: { scopes }, headers: { "www-authenticate": challenge } },
    );
  }

  /**
   * All scopes a caller would need, those it holds among them (a new token without them would lose them), computed from
   * the patterns alone, so that a name nobody has under a pattern is answered like one that is there. Empty where no scope
   * would help, or where scopes are not what is missing. @param server any, where the request names none
   */
  missing(
    scopes: readonly string[],
    namespaceSlug: string,
    kind: Kind,
    server: string | undefined,
    name: string,
  ): string[] {
    return this.#lacking(scopes, this.#matching(namespaceSlug, kind, server, name));
  }

  /** The same for a server's endpoint, which anything that is permitted of the server opens. */
  missingOfServer(scopes: readonly string[], namespaceSlug: string, server: string): string[] {
    const named = this.#rules(namespaceSlug).filter(({ patterns }) =>
      patterns.some((pattern) => pattern.matchesServer(server)),
    );
    return this.#lacking(scopes, named);
  }

  /** The same for an act of administration, which no default scope opens. */
  missingOfAct(scopes: readonly string[], action: string): string[] {
    const named = Object.entries(this.#settings.permissions).flatMap(([pattern, needed]) =>
      namesAct(pattern, action) ? [needed] : [],
    );
    return this.#beyond(scopes, named);
  }

  #lacking(scopes: readonly string[], named: readonly Rule[]): string[] {
    const { defaultScope } = this.#settings;
    if (named.length === 0) {
      return defaultScope === undefined || scopes.includes(defaultScope) ? [] : [defaultScope];
    }
    return this.#beyond(
      scopes,
      named.map(({ needed }) => needed),
    );
  }

  #beyond(scopes: readonly string[], lists: readonly (readonly string[])[]): string[] {
    if (lists.some((needed) => scopesSuffice(this.#settings, needed, scopes))) return [];
    return [...new Set(lists.flat())];
  }

  /** What a caller may with `default_scope` besides what it was granted: all that no pattern names. */
  opened(granted: Permissions, scopes: readonly string[], namespaceSlug: string): Permissions {
    const { defaultScope } = this.#settings;
    if (defaultScope === undefined || !scopes.includes(defaultScope)) return granted;
    const unnamed = (kind: Kind, server: string, name: string) =>
      this.#matching(namespaceSlug, kind, server, name).length === 0;
    return {
      ...granted,
      tool: (server, name) => granted.tool(server, name) || unnamed("tool", server, name),
      prompt: (server, name) => granted.prompt(server, name) || unnamed("prompt", server, name),
      resource: (server, uri) => granted.resource(server, uri) || unnamed("resource", server, uri),
      server: () => true,
    };
  }

  #matching(namespaceSlug: string, kind: Kind, server: string | undefined, name: string): readonly Rule[] {
    return this.#rules(namespaceSlug).filter(({ patterns }) =>
      patterns.some(
        (pattern) =>
          matchesKind(pattern.kind, kind) &&
          (server === undefined || pattern.matchesServer(server)) &&
          pattern.name(name),
      ),
    );
  }

  #rules(namespaceSlug: string): readonly Rule[] {
    let rules = this.#byNamespace.get(namespaceSlug);
    if (rules === undefined) {
      rules = Object.entries(this.#settings.permissions).flatMap(([pattern, needed]) => {
        const plain = isActPattern(pattern) ? undefined : withinNamespace(pattern, namespaceSlug);
        return plain === undefined ? [] : [{ needed, patterns: parsePattern(plain) }];
      });
      if (this.#byNamespace.size >= 1_000) this.#byNamespace.clear();
      this.#byNamespace.set(namespaceSlug, rules);
    }
    return rules;
  }
}
