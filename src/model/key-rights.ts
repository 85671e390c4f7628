import type { KeyOwner } from "./api-key.ts";
import { coveredBoth } from "./permission-cover.ts";
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

function patternsWithin(given: KeyRights, owner: KeyOwner): readonly string[] {
  if (reachesAll(owner)) return given.permissions;
  return reachesAll(given) ? owner.permissions : coveredBoth(given.permissions, owner.permissions);
}

/** Patterns bound neither of them. */
const reachesAll = ({ role, platformAdmin }: Omit<KeyRights, "permissions">): boolean =>
  platformAdmin || role === "admin";
