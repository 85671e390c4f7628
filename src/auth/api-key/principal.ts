import type { ApiKeyIdentity } from "../../model/api-key.ts";
import type { Principal } from "../../model/principal.ts";

/** The principal of a stored key, or `undefined` where the key does not work now. */
export function principalOf(identity: ApiKeyIdentity, now: number): Principal | undefined {
  const { key, defaultNamespaceId, organizationActive } = identity;
  if (!organizationActive || !key.isActive || key.revokedAt !== null) return undefined;
  if (key.expiresAt !== null && key.expiresAt <= now) return undefined;
  const namespaceId = key.namespaceId ?? defaultNamespaceId;
  if (namespaceId === null) return undefined;
  return {
    id: `key:${key.id}`,
    kind: "api_key",
    name: key.prefix,
    organizationId: key.organizationId,
    namespaceId,
    namespaceBound: key.namespaceId !== null,
    role: key.role,
    platformAdmin: key.platformAdmin,
    permissions: key.permissions,
    permissionKey: permissionKeyOf(key),
    userId: key.userId ?? undefined,
    keyId: key.id,
    ...(key.expiresAt === null ? {} : { expiresAt: key.expiresAt }),
  };
}

/** Equal for keys that may see and do the same; an order or a repetition of patterns makes no difference. */
function permissionKeyOf(key: ApiKeyIdentity["key"]): string {
  const permissions = [...new Set(key.permissions)].sort();
  return Bun.SHA256.hash(JSON.stringify([key.role, key.platformAdmin, permissions]), "base64").slice(0, 22);
}
