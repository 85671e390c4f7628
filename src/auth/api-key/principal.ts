import type { ApiKeyIdentity } from "../../model/api-key.ts";
import { rightsWithin } from "../../model/key-rights.ts";
import type { Principal } from "../../model/principal.ts";
import { permissionKeyOf } from "../permission-key.ts";

/** The principal of a stored key, or `undefined` where the key does not work now. */
export function principalOf(identity: ApiKeyIdentity, now: number): Principal | undefined {
  const { key, defaultNamespaceId, organizationActive, owner } = identity;
  if (!organizationActive || owner?.isActive === false || !key.isActive || key.revokedAt !== null)
    return undefined;
  if (key.expiresAt !== null && key.expiresAt <= now) return undefined;
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
