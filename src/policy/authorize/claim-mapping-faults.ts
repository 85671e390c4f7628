import {
  actsOfPattern,
  type ClaimMapping,
  isActPattern,
  type ScopeLists,
} from "../../model/claim-mapping.ts";
import { actAreas, actsNamed, areaMeant } from "./act-areas.ts";
import { isPattern } from "./pattern.ts";

/** One mistake in a claim mapping. */
export interface ClaimMappingFault {
  readonly path: readonly (string | number)[];
  readonly found: string;
  readonly expected: string;
  /** What would most likely put it right; empty where nothing suggests itself. */
  readonly fix: string;
}

/** RFC 6749, 3.3: anything else cannot be in a list of scopes, nor be asked for. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;

/**
 * What would never match anything, though somebody wrote it to permit something.
 * @param claims those that are read; `undefined` where it is not known which
 */
export function claimMappingFaults(
  { mappings, permissions, defaultScope }: ClaimMapping,
  claims: readonly string[] | undefined,
): ClaimMappingFault[] {
  const faults: ClaimMappingFault[] = [];
  for (const key of Object.keys(mappings)) {
    const fault = mappingKeyFault(key, claims);
    if (fault !== undefined) faults.push({ path: ["mappings", key], found: quoted(key), ...fault });
  }
  for (const key of Object.keys(permissions)) {
    const fault = permissionKeyFault(key);
    if (fault !== undefined) faults.push({ path: ["permissions", key], found: quoted(key), ...fault });
  }
  faults.push(...scopeFaults("mappings", mappings), ...scopeFaults("permissions", permissions));
  if (defaultScope !== undefined && !SCOPE.test(defaultScope)) {
    faults.push({
      path: ["options", "default_scope"],
      found: quoted(defaultScope),
      ...noScope(defaultScope),
    });
  }
  return faults;
}

function permissionKeyFault(key: string) {
  if (isActPattern(key)) {
    if (actsNamed(key).length > 0) return undefined;
    const expected = `"admin:" with an area of administration (${Object.keys(actAreas).join(", ")}), an organisation's act such as "user.create" or "user.*", or *`;
    const area = areaMeant(actsOfPattern(key));
    return { expected, fix: area === undefined ? "" : `write "admin:${area}"` };
  }
  const qualified = /^([a-z0-9-]{1,32}|\*)\/(admin:.*)$/s.exec(key)?.[2];
  if (qualified !== undefined)
    return {
      expected: "acts of administration without a namespace: they are the organisation's",
      fix: actsNamed(qualified).length > 0 ? `write ${quoted(qualified)}` : "",
    };
  if (isPattern(key)) return undefined;
  const expected = 'a pattern such as "github:*" or "github:create_issue"';
  return { expected, fix: patternMeant(key) };
}

function mappingKeyFault(key: string, claims: readonly string[] | undefined) {
  if (claims === undefined) {
    return /^.+:.+$/s.test(key) ? undefined : { expected: 'a claim and its value, "groups:Admin"', fix: "" };
  }
  if (claims.some((claim) => key.startsWith(`${claim}:`) && key.length > claim.length + 1)) return undefined;
  const expected = `one of the claims that are read (${claims.join(", ")}), a colon, and its value`;
  const colon = key.lastIndexOf(":");
  if (colon > 0) return { expected, fix: `add "${key.slice(0, colon)}" to the claims` };
  return { expected, fix: claims[0] === undefined ? "" : `write "${claims[0]}:${key}"` };
}

function scopeFaults(member: "mappings" | "permissions", lists: ScopeLists): ClaimMappingFault[] {
  return Object.entries(lists).flatMap(([key, scopes]) =>
    scopes.flatMap((scope, index) =>
      SCOPE.test(scope) ? [] : [{ path: [member, key, index], found: quoted(scope), ...noScope(scope) }],
    ),
  );
}

function noScope(text: string) {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  const fix = parts.length > 1 ? `write ${parts.map(quoted).join(", ")}` : "";
  return { expected: "one scope: 1 to 256 printable characters, no space, quote or backslash", fix };
}

/** A server alone, another separator, capitals: what people write for `server:tool`. */
function patternMeant(text: string): string {
  const wire = /^([A-Za-z0-9*-]+)(?:__|[./])([^:]+)$/.exec(text);
  const [server = "", ...rest] = text.split(":");
  const meant = wire
    ? `${wire[1]?.toLowerCase()}:${wire[2]}`
    : `${server.trim().toLowerCase()}:${rest.join(":") || "*"}`;
  return isPattern(meant) ? `write ${quoted(meant)}` : "";
}

const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}…` : text);
