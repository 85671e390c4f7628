import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { ApiKey } from "../../model/api-key.ts";
import type { IncomingHeaders } from "../../model/incoming-request.ts";
import type { Operation } from "../../model/operation.ts";
import type { ApiKeyFilter } from "../../model/ports/filters.ts";
import { membersRefused } from "../checked.ts";
import {
  checkConditions,
  found,
  idOf,
  label,
  pageAnswer,
  pageOf,
  pageQuery,
  pageRequest,
  permission,
  role,
  slug,
  time,
  uuid,
} from "../fields.ts";
import { namespaceIdOf, searched } from "../list-filter.ts";
import { namespaceNamed, slugOf } from "../namespaces/namespace-slug.ts";
import { holderOf } from "../own-account.ts";
import { checkWithinOwn, checkWithinReach } from "../own-rights.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute, tagged } from "../route.ts";
import { checkEndsWithCreator, checkWithinCreator, ownerOf } from "./key-creator.ts";
import { apiKey, issuedKey, keyStatus, keyType, keyView } from "./key-view.ts";

const publicKey = z
  .looseObject({
    kty: z.enum(["EC", "OKP", "RSA"]),
    kid: z.string().min(1).max(200),
    alg: z.string().max(20).optional(),
  })
  .refine((key) => ["d", "k", "p", "q"].every((name) => !(name in key)), {
    error: "must be a public key: it holds a private member",
  });
const newKey = z.strictObject({
  name: label,
  type: keyType.default("user"),
  role: role.optional().describe("Where it is not given: its owner's; the caller's own for nobody's key."),
  permissions: z.array(permission).max(1_000).default([]),
  namespace: slug.optional().describe("Binds the key to one namespace."),
  user_id: uuid
    .optional()
    .describe(
      "Whose it is, of the organisation: administrators make keys for others. The caller's own without it.",
    ),
  expires_at: time.optional(),
  platform_admin: z.boolean().default(false),
});

function shownKey(parts: AdminParts, key: ApiKey) {
  return keyView(key, parts.clock.now(), slugOf(parts, key.organizationId, key.namespaceId));
}

function isOwn({ principal }: Operation, key: ApiKey): boolean {
  const { principalId, userId, keyId } = holderOf(principal);
  return key.createdBy === principalId || key.id === keyId || (userId !== undefined && key.userId === userId);
}

async function revoke(operation: Operation, parts: AdminParts, key: ApiKey, headers: IncomingHeaders) {
  operation.target = `api_key:${key.id}`;
  operation.namespaceId = key.namespaceId ?? undefined;
  const now = parts.clock.now();
  const isRevoked = await parts.store.apiKeys.revoke(operation.organizationId, key.id, now, (before) => {
    checkConditions(headers, before);
    operation.before = shownKey(parts, before);
  });
  if (!isRevoked) throw new GatewayError("conflict", { detail: "the key is revoked already" });
  parts.credentialsChanged(key.id);
  return {};
}

/** What keys are asked for. */
const keyQuery = {
  type: keyType.optional().describe("Of people, or of applications."),
  role: role.optional().describe("Of this role."),
  status: keyStatus.optional().describe("What they are now."),
  namespace: slug.optional().describe("Bound to the namespace of this slug."),
  search: searched("name or prefix"),
  ...pageQuery,
};
async function pageOfKeys(
  parts: AdminParts,
  { organizationId }: Operation,
  query: z.output<z.ZodObject<typeof keyQuery>>,
  whose: Pick<ApiKeyFilter, "holder" | "userId">,
) {
  const { type, role, status, search } = query;
  const filter: ApiKeyFilter = {
    ...{ ...whose, type, role, search },
    namespaceId: await namespaceIdOf(parts, organizationId, query.namespace),
    standing: status && { status, at: parts.clock.now() },
  };
  const rows = await parts.store.apiKeys.list(organizationId, pageRequest(query), filter);
  return pageAnswer(rows, query.limit, (key) => shownKey(parts, key));
}

const holders = ["admin", "user", "viewer"] as const;

export const keyRoutes = [
  defineRoute({
    id: "own-keys-list",
    method: "GET",
    path: "/auth/api-keys",
    roles: holders,
    action: "api_key.list",
    summary: "The caller's own keys.",
    query: z.strictObject(keyQuery),
    response: pageOf(apiKey),
    handle: async ({ operation, parts, query }) => ({
      body: await pageOfKeys(parts, operation, query, { holder: holderOf(operation.principal) }),
    }),
  }),
  defineRoute({
    id: "own-keys-create",
    method: "POST",
    path: "/auth/api-keys",
    roles: holders,
    action: "api_key.create",
    summary: "A new key, never wider than the caller; `key` in the answer is shown this once.",
    body: newKey,
    status: 201,
    response: issuedKey,
    refuses: ["exceeds_creator"],
    handle: async ({ operation, parts, body }) => {
      const { organizationId, principal } = operation;
      const bound = principal.namespaceBound ? principal.namespaceId : null;
      const namespace =
        body.namespace === undefined
          ? undefined
          : await namespaceNamed(parts, organizationId, body.namespace);
      const namespaceId = namespace?.id ?? bound;
      checkWithinCreator(operation, body, namespaceId);
      const owner = await ownerOf(parts, operation, body);
      if (body.expires_at !== undefined && Date.parse(body.expires_at) <= parts.clock.now()) {
        throw membersRefused({ path: "expires_at", message: "must be in the future" });
      }
      const { key: credential, prefix, hash } = parts.mintKey();
      const key = await parts.store.apiKeys.create({
        id: Bun.randomUUIDv7(),
        organizationId,
        namespaceId,
        userId: owner?.id ?? null,
        name: body.name,
        type: body.type,
        role: body.role ?? owner?.role ?? principal.role,
        platformAdmin: body.platform_admin,
        permissions: body.permissions,
        prefix,
        hash,
        expiresAt: body.expires_at === undefined ? null : Date.parse(body.expires_at),
        createdBy: principal.id,
      });
      operation.target = `api_key:${key.id}`;
      operation.namespaceId = key.namespaceId ?? undefined;
      const view = shownKey(parts, key);
      operation.after = view;
      return { ...tagged(view), body: { ...view, key: credential } };
    },
  }),
  defineRoute({
    id: "own-keys-get",
    method: "GET",
    path: "/auth/api-keys/{id}",
    roles: holders,
    action: "api_key.get",
    summary: "One of the caller's own keys.",
    response: apiKey,
    handle: async ({ operation, parts, params }) => {
      const key = found(await parts.store.apiKeys.find(operation.organizationId, idOf(params)));
      return tagged(shownKey(parts, found(isOwn(operation, key) ? key : undefined)));
    },
  }),
  defineRoute({
    id: "own-keys-revoke",
    method: "DELETE",
    path: "/auth/api-keys/{id}",
    roles: holders,
    action: "api_key.revoke",
    summary: "Revokes one of the caller's own keys.",
    status: 204,
    versioned: true,
    refuses: ["conflict"],
    handle: async ({ operation, parts, params, headers }) => {
      const key = found(await parts.store.apiKeys.find(operation.organizationId, idOf(params)));
      return revoke(operation, parts, found(isOwn(operation, key) ? key : undefined), headers);
    },
  }),
  defineRoute({
    id: "own-keys-jwks",
    method: "PUT",
    path: "/auth/api-keys/{id}/jwks",
    roles: ["admin"],
    action: "api_key.jwks",
    summary:
      "Public keys of an application: it signs its assertions with them instead of showing its key (RFC 7523).",
    body: z.strictObject({ keys: z.array(publicKey).min(1).max(10) }),
    status: 204,
    refuses: ["conflict", "exceeds_creator"],
    handle: async ({ operation, parts, params, body }) => {
      const { organizationId } = operation;
      const key = found(await parts.store.apiKeys.find(organizationId, idOf(params)));
      operation.target = `api_key:${key.id}`;
      if (key.type !== "a2a")
        throw new GatewayError("conflict", { detail: "only a2a keys have public keys" });
      if (key.platformAdmin && !operation.principal.platformAdmin) throw new GatewayError("forbidden");
      // Whoever signs for an application has its rights, for as long as it has them.
      checkWithinOwn(operation.principal, key);
      checkEndsWithCreator(operation.principal, key.expiresAt);
      await parts.store.clients.register(organizationId, key.id, JSON.stringify(body));
      operation.after = { keys: body.keys.map(({ kid, kty, alg }) => ({ kid, kty, alg })) };
      return {};
    },
  }),
  defineRoute({
    id: "keys-list",
    method: "GET",
    path: "/api/admin/api-keys",
    roles: ["admin"],
    action: "api_key.list",
    summary: "All keys of the organisation.",
    query: z.strictObject({ user_id: uuid.optional().describe("Whose they are."), ...keyQuery }),
    response: pageOf(apiKey),
    handle: async ({ operation, parts, query }) => ({
      body: await pageOfKeys(parts, operation, query, { userId: query.user_id }),
    }),
  }),
  defineRoute({
    id: "keys-get",
    method: "GET",
    path: "/api/admin/api-keys/{id}",
    roles: ["admin"],
    action: "api_key.get",
    summary: "One key of the organisation.",
    response: apiKey,
    handle: async ({ operation, parts, params }) =>
      tagged(shownKey(parts, found(await parts.store.apiKeys.find(operation.organizationId, idOf(params))))),
  }),
  defineRoute({
    id: "keys-revoke",
    method: "DELETE",
    path: "/api/admin/api-keys/{id}",
    roles: ["admin"],
    action: "api_key.revoke",
    summary: "Revokes a key: within a second here, within five seconds elsewhere.",
    status: 204,
    versioned: true,
    refuses: ["conflict", "exceeds_creator"],
    handle: async ({ operation, parts, params, headers }) => {
      const key = found(await parts.store.apiKeys.find(operation.organizationId, idOf(params)));
      if (key.platformAdmin && !operation.principal.platformAdmin) throw new GatewayError("forbidden");
      checkWithinReach(operation.principal, key);
      return revoke(operation, parts, key, headers);
    },
  }),
];
