import type { KeyOwner } from "./api-key.ts";
import { isActPattern } from "./claim-mapping.ts";
import { coveredBoth, covers, PERMISSION_CHARS_MAX, PERMISSION_PATTERN } from "./permission-cover.ts";
import type { Role } from "./principal.ts";

export interface KeyRights {
  readonly role: Role;
  readonly platformAdmin: boolean;
  /** Patterns as in `Principal.permissions`. */
  readonly permissions: readonly string[];
}

const WITHIN: Readonly<Record<Role, readonly Role[]>> = {
  admin: ["admin", "user", "viewer", "api_user"],
  user: ["user", "viewer", "api_user"],
  viewer: ["viewer"],
  api_user: ["api_user"],
};

/** Whether a role may do nothing that the other may not. */
export function isWithin(role: Role, other: Role): boolean {
  return WITHIN[other].includes(role);
}

/**
 * What a key may of what it was given, as its owner's rights are now: a key never exceeds whose it is. Rights that come back
 * to the owner come back to the key.
 * @returns `undefined` where the two roles have nothing in common, a viewer's and an application's.
 */
export function rightsWithin(given: KeyRights, owner: KeyOwner): KeyRights | undefined {
  const role = isWithin(given.role, owner.role)
    ? given.role
    : isWithin(owner.role, given.role)
      ? owner.role
      : undefined;
  if (role === undefined) return undefined;
  const platformAdmin = given.platformAdmin && owner.platformAdmin;
  return { role, platformAdmin, permissions: patternsWithin(given, owner) };
}

/**
 * Whether a token of the key may be for a pattern: within the key's, or any where nothing is beyond the key. Such a token has
 * what the pattern permits and none of what only the role does.
 */
export function mayBeFor(rights: KeyRights, pattern: string): boolean {
  if (!reachesAll(rights)) return covers(rights.permissions, pattern);
  return pattern.length <= PERMISSION_CHARS_MAX && PERMISSION_PATTERN.test(pattern) && !isActPattern(pattern);
}

function patternsWithin(given: KeyRights, owner: KeyOwner): readonly string[] {
  if (reachesAll(owner)) return given.permissions;
  return reachesAll(given) ? owner.permissions : coveredBoth(given.permissions, owner.permissions);
}

/** Patterns bound neither of them. */
const reachesAll = ({ role, platformAdmin }: Omit<KeyRights, "permissions">): boolean =>
  platformAdmin || role === "admin";
