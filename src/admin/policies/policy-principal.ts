import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { ApiKey } from "../../model/api-key.ts";
import type { Operation } from "../../model/operation.ts";
import type { Principal } from "../../model/principal.ts";
import type { User } from "../../model/user.ts";
import { found, permission, role, uuid } from "../fields.ts";
import type { AdminParts } from "../parts.ts";

export const principalBody = z
  .strictObject({
    user_id: uuid.optional().describe("An existing user, as it is now."),
    key_id: uuid.optional().describe("An existing key, as it is now."),
    role: role.optional(),
    permissions: z.array(permission).max(1_000).optional(),
    groups: z.array(z.string().max(256)).max(1_000).optional(),
    scopes: z
      .array(z.string().min(1).max(256))
      .max(200)
      .optional()
      .describe("Of an identity provider's token, after `auth.mappings`: what they permit is granted."),
  })
  .describe("Somebody who exists, or somebody described: role, permissions, scopes.");

/**
 * Whom a trial is about: somebody who exists, as they are now, or somebody described.
 * @throws GatewayError `not_found`, `conflict` for a key or user that may not call any more
 */
export async function principalOf(
  parts: AdminParts,
  operation: Operation,
  body: z.output<typeof principalBody>,
): Promise<Principal> {
  const { organizationId } = operation;
  if (body.key_id !== undefined) {
    const key = found(await parts.store.apiKeys.find(organizationId, body.key_id));
    const bearer = keyPrincipal(operation, key, parts.clock.now());
    if (bearer === undefined) throw new GatewayError("conflict", { detail: "the key works no more" });
    return bearer;
  }
  if (body.user_id !== undefined) {
    const user = found(await parts.store.users.find(organizationId, body.user_id));
    const person = userPrincipal(operation, user);
    if (person === undefined) throw new GatewayError("conflict", { detail: "the user is not active" });
    return person;
  }
  const { scopes } = body;
  const opened = scopes === undefined ? [] : parts.scopes.granted(scopes);
  return {
    ...somebody(operation),
    role: body.role ?? "user",
    permissions: [...(body.permissions ?? (scopes === undefined ? ["*"] : [])), ...opened],
    groups: body.groups,
    scopes,
  };
}

function somebody({ organizationId, principal }: Operation): Principal {
  return {
    id: "described",
    kind: "user",
    name: "described",
    organizationId,
    namespaceId: principal.namespaceId,
    namespaceBound: false,
    role: "user",
    platformAdmin: false,
    permissions: [],
    permissionKey: "",
  };
}

/** The bearer of a key, as it is now; `undefined` where it works no more. */
export function keyPrincipal(operation: Operation, key: ApiKey, now: number): Principal | undefined {
  const { id, role: given, permissions, platformAdmin, userId, namespaceId } = key;
  const isExpired = key.expiresAt !== null && key.expiresAt <= now;
  if (!key.isActive || key.revokedAt !== null || isExpired) return undefined;
  return {
    ...somebody(operation),
    ...{ id: `key:${id}`, kind: "api_key", name: key.name, role: given, permissions, platformAdmin },
    ...(namespaceId !== null && { namespaceId, namespaceBound: true }),
    keyId: id,
    userId: userId ?? undefined,
  };
}

/** A person who signed in here, as they are now; `undefined` where they may not. */
export function userPrincipal(operation: Operation, user: User): Principal | undefined {
  const { id, username, role: given, permissions, platformAdmin } = user;
  if (!user.isActive) return undefined;
  return {
    ...somebody(operation),
    ...{ id: `user:${id}`, name: username, role: given, permissions, platformAdmin, userId: id },
  };
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
