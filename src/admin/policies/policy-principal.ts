import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { Principal } from "../../model/principal.ts";
import { found, permission, role, uuid } from "../fields.ts";
import type { AdminParts } from "../parts.ts";

export const principalBody = z
  .strictObject({
    user_id: uuid.optional().describe("An existing user, as it is now."),
    key_id: uuid.optional().describe("An existing key, as it is now."),
    role: role.optional(),
    permissions: z.array(permission).max(1_000).optional(),
    groups: z.array(z.string().max(256)).max(1_000).optional(),
  })
  .describe("Somebody who exists, or somebody described: role and permissions.");

/**
 * Whom a trial is about: somebody who exists, as they are now, or somebody described.
 * @throws GatewayError `not_found`, `conflict` for a key or user that may not call any more
 */
export async function principalOf(
  parts: AdminParts,
  { organizationId, principal }: Operation,
  body: z.output<typeof principalBody>,
): Promise<Principal> {
  const described: Principal = {
    id: "described",
    kind: "user",
    name: "described",
    organizationId,
    namespaceId: principal.namespaceId,
    namespaceBound: false,
    role: body.role ?? "user",
    platformAdmin: false,
    permissions: body.permissions ?? ["*"],
    permissionKey: "",
    groups: body.groups,
  };
  if (body.key_id !== undefined) {
    const key = found(await parts.store.apiKeys.find(organizationId, body.key_id));
    const { id, role: given, permissions, platformAdmin, userId, namespaceId } = key;
    const isExpired = key.expiresAt !== null && key.expiresAt <= parts.clock.now();
    if (!key.isActive || key.revokedAt !== null || isExpired) {
      throw new GatewayError("conflict", { detail: "the key works no more" });
    }
    return {
      ...described,
      ...{ id: `key:${id}`, kind: "api_key", role: given, permissions, platformAdmin },
      ...(namespaceId !== null && { namespaceId, namespaceBound: true }),
      keyId: id,
      userId: userId ?? undefined,
    };
  }
  if (body.user_id === undefined) return described;
  const user = found(await parts.store.users.find(organizationId, body.user_id));
  if (!user.isActive) throw new GatewayError("conflict", { detail: "the user is not active" });
  const { id, role: given, permissions, platformAdmin } = user;
  return { ...described, id: `user:${id}`, role: given, permissions, platformAdmin, userId: id };
}

/** Who made a recorded call, as they are now. */
export async function callerOf(
  parts: AdminParts,
  operation: Operation,
  principalId: string,
): Promise<Principal | undefined> {
  const [kind, id = ""] = principalId.split(":", 2);
  try {
    if (kind === "user") return await principalOf(parts, operation, { user_id: id });
    if (kind === "key" || kind === "client") return await principalOf(parts, operation, { key_id: id });
  } catch (thrown) {
    const { code } = GatewayError.from(thrown);
    if (code !== "not_found" && code !== "conflict") throw thrown;
  }
  return undefined;
}
