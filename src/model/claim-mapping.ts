/** What claims of identity providers' tokens are worth in one organisation (`auth` of the configuration file). */
export interface ClaimMapping {
  /** Claims read; a dot goes into an object. Where it is absent, those the provider's product is known for. */
  readonly claims: readonly string[] | undefined;
  /** `claim:value` to the scopes it stands for. */
  readonly mappings: ScopeLists;
  /** Patterns, of servers' offers or of acts, to the scopes that permit them; one with an empty list is permitted by none. */
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

const ACTS = "admin:";

/**
 * Whether a pattern is about acts of administration: no server can have the name that it begins with. A glob that would match
 * that name is about servers alone.
 */
export const isActPattern = (pattern: string): boolean => pattern.startsWith(ACTS);
/** What such a pattern names. */
export const actsOfPattern = (pattern: string): string => pattern.slice(ACTS.length);

/** The patterns that scopes permit, of both kinds. */
export function patternsPermitted(mapping: ClaimMapping, scopes: readonly string[]): string[] {
  return Object.entries(mapping.permissions).flatMap(([pattern, needed]) =>
    scopesSuffice(mapping, needed, scopes) ? [pattern] : [],
  );
}
