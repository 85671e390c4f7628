import type { Principal } from "../../model/principal.ts";
import type { UserIdentity } from "../../model/user.ts";
import { permissionKeyOf } from "../permission-key.ts";

/** What a token adds to what is stored of its user. */
export interface TokenFacts {
  readonly expiresAt: number;
  readonly signInId?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** Patterns its scopes grant besides the user's own. */
  readonly granted?: readonly string[] | undefined;
}

/** The principal of a user, or `undefined` where the user may not call now. */
export function userPrincipal(
  { user, defaultNamespaceId, organizationActive }: UserIdentity,
  { expiresAt, signInId, groups, scopes, granted = [] }: TokenFacts,
): Principal | undefined {
  if (!organizationActive || !user.isActive || defaultNamespaceId === null) return undefined;
  // Whoever still has the password somebody else has seen may do nothing but change it.
  const rights = user.mustChangePassword
    ? ({ role: "api_user", platformAdmin: false, permissions: [] } as const)
    : {
        role: user.role,
        platformAdmin: user.platformAdmin,
        permissions: [...user.permissions, ...granted],
      };
  return {
    id: `user:${user.id}`,
    kind: "user",
    name: user.username,
    organizationId: user.organizationId,
    namespaceId: defaultNamespaceId,
    namespaceBound: false,
    ...rights,
    permissionKey: permissionKeyOf({ ...rights, scopes, groups }),
    userId: user.id,
    signInId,
    groups,
    scopes,
    expiresAt,
  };
}
