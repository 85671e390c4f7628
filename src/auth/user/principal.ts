import type { Principal, ProviderToken } from "../../model/principal.ts";
import type { UserIdentity } from "../../model/user.ts";
import { permissionKeyOf } from "../permission-key.ts";

/** What a token adds to what is stored of its user. */
export interface TokenFacts {
  readonly expiresAt: number;
  readonly signInId?: string | undefined;
  /** An identity provider's: until its claims are mapped (`oidc/mapped-callers.ts`) it has neither groups nor scopes. */
  readonly token?: Omit<ProviderToken, "permissions"> | undefined;
}

/** The principal of a user, or `undefined` where the user may not call now. */
export function userPrincipal(
  { user, defaultNamespaceId, organizationActive }: UserIdentity,
  { expiresAt, signInId, token }: TokenFacts,
): Principal | undefined {
  if (!organizationActive || !user.isActive || defaultNamespaceId === null) return undefined;
  // Whoever still has the password somebody else has seen may do nothing but change it.
  const rights = user.mustChangePassword
    ? ({ role: "api_user", platformAdmin: false, permissions: [] } as const)
    : {
        role: user.role,
        platformAdmin: user.platformAdmin,
        permissions: user.permissions,
      };
  const scoped = token === undefined ? {} : { groups: [], scopes: [] };
  return {
    id: `user:${user.id}`,
    kind: "user",
    name: user.username,
    organizationId: user.organizationId,
    namespaceId: defaultNamespaceId,
    namespaceBound: false,
    ...rights,
    ...scoped,
    permissionKey: permissionKeyOf({ ...rights, ...scoped }),
    userId: user.id,
    signInId,
    ...(user.mustChangePassword && { mustChangePassword: true }),
    ...(token !== undefined && { token: { ...token, permissions: rights.permissions } }),
    expiresAt,
  };
}
