import type { ClaimMapping } from "../../model/identity-provider.ts";

const VALUES_MAX = 1_000;
export type Claims = Readonly<Record<string, unknown>>;

export interface ClaimedRights {
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
}

/** Groups and scopes of a token: values of the configured claims, what they are mapped to, and the token's own scopes. */
export function claimedRights(claims: Claims, { claims: names, mappings }: ClaimMapping): ClaimedRights {
  const groups = new Set<string>();
  const scopes = new Set([...scopeList(claims.scope), ...scopeList(claims.scp)]);
  for (const name of names) {
    for (const value of textsOf(valueAt(claims, name))) {
      groups.add(value);
      const key = `${name}:${value}`;
      for (const scope of Object.hasOwn(mappings, key) ? (mappings[key] ?? []) : []) scopes.add(scope);
    }
  }
  return { groups: [...groups], scopes: [...scopes] };
}

/** A claim by its name, or by a path of names: Keycloak's `realm_access.roles`, Auth0's `https://example.com/roles`. */
export function valueAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Claims)[part];
  }
  return value;
}

function scopeList(value: unknown): readonly string[] {
  return typeof value === "string" ? value.split(" ").filter((scope) => scope !== "") : textsOf(value);
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) return [];
  return value.slice(0, VALUES_MAX).filter((member): member is string => typeof member === "string");
}
