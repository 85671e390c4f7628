import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import { isActPattern } from "../../model/claim-mapping.ts";
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
    const bearer = await parts.callers.key(organizationId, body.key_id);
    if (bearer !== undefined) return bearer;
    found(await parts.store.apiKeys.find(organizationId, body.key_id));
    throw new GatewayError("conflict", { detail: "the key, its user or its organisation is not active" });
  }
  if (body.user_id !== undefined) {
    const person = await parts.callers.user(organizationId, body.user_id);
    if (person !== undefined) return person;
    found(await parts.store.users.find(organizationId, body.user_id));
    throw new GatewayError("conflict", { detail: "the user or the organisation is not active" });
  }
  const { scopes } = body;
  const opened = scopes === undefined ? [] : parts.scopes.granted(organizationId, scopes);
  return {
    ...somebody(operation),
    role: body.role ?? "user",
    permissions: [
      ...(body.permissions ?? (scopes === undefined ? ["*"] : [])),
      ...opened.filter((pattern) => !isActPattern(pattern)),
    ],
    acts: opened.filter(isActPattern),
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
