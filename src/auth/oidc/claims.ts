import { type ClaimMapping, isActPattern, patternsPermitted } from "../../model/claim-mapping.ts";
import type { ProviderToken } from "../../model/principal.ts";

const VALUES_MAX = 1_000;
export type Claims = Readonly<Record<string, unknown>>;

export interface ClaimedRights {
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  /** Patterns of servers' offers that the scopes permit. */
  readonly granted: readonly string[];
  /** Patterns of acts of administration that they permit. */
  readonly acts: readonly string[];
}

/** What a token's claims are worth: values of the mapping's claims, what they stand for, and the token's own scopes. */
export function claimedRights(token: ProviderToken, mapping: ClaimMapping): ClaimedRights {
  const { claims } = token;
  const { mappings } = mapping;
  const groups = new Set<string>();
  const scopes = new Set(token.scopeClaims.flatMap((name) => scopeList(valueAt(claims, name))));
  for (const name of mapping.claims ?? token.groupClaims) {
    for (const value of textsOf(valueAt(claims, name))) {
      groups.add(value);
      const key = `${name}:${value}`;
      for (const scope of Object.hasOwn(mappings, key) ? (mappings[key] ?? []) : []) scopes.add(scope);
    }
  }
  const held = [...scopes];
  const patterns = patternsPermitted(mapping, held);
  return {
    groups: [...groups],
    scopes: held,
    granted: patterns.filter((pattern) => !isActPattern(pattern)),
    acts: patterns.filter(isActPattern),
  };
}

/**
 * A claim by its name, or by a path of names: Auth0's `https://example.com/roles`, Keycloak's `realm_access.roles`. Names on
 * the way may have dots themselves (`resource_access.my.client.roles`): the longest that is there is taken.
 */
export function valueAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  for (let dot = name.lastIndexOf("."); dot > 0; dot = name.lastIndexOf(".", dot - 1)) {
    const head = name.slice(0, dot);
    if (!Object.hasOwn(claims, head)) continue;
    const below = claims[head];
    if (typeof below === "object" && below !== null) return valueAt(below as Claims, name.slice(dot + 1));
  }
  return undefined;
}

function scopeList(value: unknown): readonly string[] {
  return typeof value === "string" ? value.split(" ").filter((scope) => scope !== "") : textsOf(value);
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) return [];
  return value.slice(0, VALUES_MAX).filter((member): member is string => typeof member === "string");
}
