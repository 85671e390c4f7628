import type { ApiKeyIdentity } from "../../model/api-key.ts";
import { rightsWithin } from "../../model/key-rights.ts";
import type { Principal } from "../../model/principal.ts";
import { permissionKeyOf } from "../permission-key.ts";

/** Why a stored key does not work now, for the operator; `undefined` where it does. */
export function refusalOf(
  { key, defaultNamespaceId, organizationActive, owner }: ApiKeyIdentity,
  now: number,
): string | undefined {
  if (key.revokedAt !== null) return "the key is revoked";
  if (key.expiresAt !== null && key.expiresAt <= now) return "the key has expired";
  if (!key.isActive) return "the key is not active";
  if (owner?.isActive === false) return "the key's owner is not active";
  if (!organizationActive) return "the key's organisation is not active";
  if ((key.namespaceId ?? defaultNamespaceId) === null) return "the key's namespace is gone";
  if (owner !== null && rightsWithin(key, owner) === undefined)
    return "the key has nothing in common with its owner's role";
  return undefined;
}

/** The principal of a stored key, or `undefined` where the key does not work now. */
export function principalOf(identity: ApiKeyIdentity, now: number): Principal | undefined {
  const { key, defaultNamespaceId, owner } = identity;
  if (refusalOf(identity, now) !== undefined) return undefined;
  const namespaceId = key.namespaceId ?? defaultNamespaceId;
  if (namespaceId === null) return undefined;
  const rights = owner === null ? key : rightsWithin(key, owner);
  if (rights === undefined) return undefined;
  const { role, platformAdmin, permissions } = rights;
  return {
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
}
