export interface ScopeRules {
  /** Patterns to the scopes that permit them. */
  readonly permissions: Readonly<Record<string, readonly string[]>>;
  readonly scopeMode: "any" | "all";
}

/** The patterns that scopes permit; one with no scope in its list is permitted by none. */
export function patternsGranted({ permissions, scopeMode }: ScopeRules, scopes: readonly string[]): string[] {
  return Object.entries(permissions).flatMap(([pattern, needed]) => {
    const isGranted =
      scopeMode === "any"
        ? needed.some((scope) => scopes.includes(scope))
        : needed.length > 0 && needed.every((scope) => scopes.includes(scope));
    return isGranted ? [pattern] : [];
  });
}
