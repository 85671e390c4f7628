import { z } from "zod";
import type { ApiKey, ApiKeyType } from "../../model/api-key.ts";
import type { ApiKeyStatus } from "../../model/ports/filters.ts";
import { label, optionalTime, role, slug, time, timeOf, uuid } from "../fields.ts";

export const keyStatus = z.enum([
  "active",
  "inactive",
  "revoked",
  "expired",
]) satisfies z.ZodType<ApiKeyStatus>;
export const keyType = z.enum(["user", "a2a"]) satisfies z.ZodType<ApiKeyType>;
const shown = {
  id: uuid,
  name: label,
  prefix: z.string(),
  type: keyType,
  role,
  platform_admin: z.boolean(),
  permissions: z.array(z.string()),
  namespace: slug.nullable(),
  namespace_id: uuid.nullable(),
  user_id: uuid.nullable(),
  status: keyStatus,
  created_by: z.string().nullable(),
  created_at: time,
  expires_at: time.nullable(),
  last_used_at: time.nullable(),
  updated_at: time,
};
export const apiKey = z.object(shown).meta({ id: "ApiKey" });
export const issuedKey = z
  .object({ ...shown, key: z.string().describe("The credential: shown this once, stored nowhere.") })
  .meta({ id: "IssuedApiKey" });

/** A key without its credential. @param namespaceSlug of the namespace it is bound to */
export function keyView(key: ApiKey, now: number, namespaceSlug: string | null): z.input<typeof apiKey> {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    type: key.type,
    role: key.role,
    platform_admin: key.platformAdmin,
    permissions: [...key.permissions],
    namespace: namespaceSlug,
    namespace_id: key.namespaceId,
    user_id: key.userId,
    status: statusOf(key, now),
    created_by: key.createdBy,
    created_at: timeOf(key.createdAt),
    expires_at: optionalTime(key.expiresAt),
    last_used_at: optionalTime(key.lastUsedAt),
    updated_at: timeOf(key.updatedAt),
  };
}

export function statusOf(key: ApiKey, now: number): ApiKeyStatus {
  if (key.revokedAt !== null) return "revoked";
  if (key.expiresAt !== null && key.expiresAt <= now) return "expired";
  return key.isActive ? "active" : "inactive";
}
