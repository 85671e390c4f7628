import type { ApiKeyIdentity } from "../../model/api-key.ts";
import { rightsWithin } from "../../model/key-rights.ts";
import type { Principal } from "../../model/principal.ts";
import { permissionKeyOf } from "../permission-key.ts";

/** Whose call it is, or why it is nobody's, for the operator. */
export type KeyBearer = { readonly principal: Principal } | { readonly refusal: string };

/** Who calls with a stored key now. */
export function bearerOf(
  { key, defaultNamespaceId, organizationActive, owner }: ApiKeyIdentity,
  now: number,
): KeyBearer {
  if (key.revokedAt !== null) return refused("the key is revoked");
  if (key.expiresAt !== null && key.expiresAt <= now) return refused("the key has expired");
  if (!key.isActive) return refused("the key is not active");
  if (owner?.isActive === false) return refused("the key's owner is not active");
  if (!organizationActive) return refused("the key's organisation is not active");
  const namespaceId = key.namespaceId ?? defaultNamespaceId;
  if (namespaceId === null) return refused("the key's namespace is gone");
  const rights = owner === null ? key : rightsWithin(key, owner);
  if (rights === undefined) return refused("the key has nothing in common with its owner's role");
  const { role, platformAdmin, permissions } = rights;
  const principal: Principal = {
    id: `key:${key.id}`,
    kind: "api_key",
    name: key.prefix,
    organizationId: key.organizationId,
    namespaceId,
    namespaceBound: key.namespaceId !== null,
    role,
    platformAdmin,
    permissions,
    permissionKey: permissionKeyOf(rights),
    userId: key.userId ?? undefined,
    keyId: key.id,
    ...(key.expiresAt === null ? {} : { expiresAt: key.expiresAt }),
  };
  return { principal };
}

/** The principal of a stored key, or `undefined` where the key does not work now. */
export function principalOf(identity: ApiKeyIdentity, now: number): Principal | undefined {
  const bearer = bearerOf(identity, now);
  return "principal" in bearer ? bearer.principal : undefined;
}

function refused(refusal: string): KeyBearer {
  return { refusal };
}
