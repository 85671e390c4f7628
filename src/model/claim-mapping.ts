/** What claims of identity providers' tokens are worth in one organisation (`auth` of the configuration file). */
export interface ClaimMapping {
  /** Claims read; a dot goes into an object. Where it is absent, those the provider's product is known for. */
  readonly claims: readonly string[] | undefined;
  /** `claim:value` to the scopes it stands for. */
  readonly mappings: ScopeLists;
  /** Patterns to the scopes that permit them; one with an empty list is permitted by none. */
  readonly permissions: ScopeLists;
  /** Whether one of a pattern's scopes is enough. */
  readonly scopeMode: "any" | "all";
  /** Permits what no pattern names; without it that is denied. */
  readonly defaultScope: string | undefined;
}
export type ScopeLists = Readonly<Record<string, readonly string[]>>;

/** One that is in force, and whose it is: the file's holds where an organisation has none of its own. */
export interface ClaimMappingInForce extends ClaimMapping {
  readonly source: "file" | "organization";
  /** The organisation is the file's: it is changed there alone. */
  readonly isManaged: boolean;
}

/** As the store keeps it: an organisation has one or none. */
export interface ClaimMappingRecord extends ClaimMapping {
  readonly organizationId: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Permits nobody anything. */
export const NO_CLAIM_MAPPING: ClaimMapping = {
  claims: undefined,
  mappings: {},
  permissions: {},
  scopeMode: "any",
  defaultScope: undefined,
};

/** The one rule of scopes: whether those held are enough where these are needed. */
export function scopesSuffice(
  { scopeMode }: Pick<ClaimMapping, "scopeMode">,
  needed: readonly string[],
  held: readonly string[],
): boolean {
  const isHeld = (scope: string) => held.includes(scope);
  return scopeMode === "any" ? needed.some(isHeld) : needed.length > 0 && needed.every(isHeld);
}

/** The patterns that scopes permit. */
export function patternsPermitted(mapping: ClaimMapping, scopes: readonly string[]): string[] {
  return Object.entries(mapping.permissions).flatMap(([pattern, needed]) =>
    scopesSuffice(mapping, needed, scopes) ? [pattern] : [],
  );
}
