import type { ClaimMapping, ClaimMappingInForce, ClaimMappingRecord } from "../model/claim-mapping.ts";
import { claimMappingFaults } from "../policy/authorize/claim-mapping-faults.ts";
import { DEFAULT_SLUG } from "./identity.ts";
import { type Origins, sourceOf } from "./origins.ts";
import { childPath } from "./place.ts";
import type { ConfigProblem } from "./problem.ts";
import type { Settings } from "./settings.ts";

/**
 * The one in force in an organisation. The file's belongs to the organisation `default`, where it wins, and holds in every
 * other one until that has its own; `undefined` where neither says anything.
 */
export function claimMappingOf(
  slug: string,
  ofFile: ClaimMapping | undefined,
  stored: ClaimMappingRecord | undefined,
): ClaimMappingInForce | undefined {
  const isManaged = ofFile !== undefined && slug === DEFAULT_SLUG;
  if (ofFile !== undefined && (isManaged || stored === undefined))
    return { ...ofFile, source: "file", isManaged };
  if (stored === undefined) return undefined;
  const { claims, mappings, permissions, scopeMode, defaultScope } = stored;
  const mapping = { claims, mappings, permissions, scopeMode, defaultScope };
  return { ...mapping, source: "organization", isManaged };
}

/** A pattern or claim that could never match is a permission somebody believes in. */
export function claimMappingProblems({ auth, providers }: Settings, origins: Origins): ConfigProblem[] {
  const { claimMapping } = auth;
  if (claimMapping === undefined) return [];
  const ofProducts = [...new Set(providers.flatMap(({ groupClaims }) => groupClaims))];
  const claims = claimMapping.claims ?? (ofProducts.length === 0 ? undefined : ofProducts);
  return claimMappingFaults(claimMapping, claims).map(({ path, ...fault }) => {
    const key = ["auth", ...path].reduce<string>(childPath, "");
    const isName = path.length === 2 && origins.document?.places.has(`${key}#key`) === true;
    return { source: sourceOf(isName ? `${key}#key` : key, origins), key, ...fault };
  });
}
