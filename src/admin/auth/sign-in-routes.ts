import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { Tried } from "../../model/ports/sign-ins.ts";
import type { User } from "../../model/user.ts";
import { mayDo } from "../../policy/authorize/authorize-operation.ts";
import { versionTag } from "../entity-tag.ts";
import { checkConditions, label, role, slug, time, timeOf, uuid } from "../fields.ts";
import { ownAccount, ownSignIn } from "../own-account.ts";
import type { AdminParts } from "../parts.ts";
import { type AdminAnswer, defineRoute } from "../route.ts";
import { userView } from "../users/user-view.ts";

export const everybody = ["admin", "user", "viewer", "api_user"] as const;
const username = z.string().min(1).max(200);
const password = z.string().min(1).max(1_024);
export const tokens = z
  .object({
    access_token: z.string(),
    token_type: z.literal("Bearer"),
    expires_in: z.number().describe("Seconds."),
    refresh_token: z.string().describe("Works once; each refresh gives the next."),
    must_change_password: z.boolean().describe("Until `POST /auth/password` the token permits nothing else."),
  })
  .meta({ id: "Tokens" });
const profile = z
  .object({
    id: z.string().describe("The principal's id."),
    kind: z.string(),
    name: z.string(),
    organization_id: z.string(),
    namespace_id: z.string(),
    role,
    platform_admin: z.boolean(),
    permissions: z.array(z.string()),
    groups: z
      .array(z.string())
      .nullable()
      .describe("Subjects of policies, `group:<name>`: of a provider's token."),
    scopes: z.array(z.string()).nullable(),
    acts: z
      .array(z.string())
      .describe("Acts of administration that role and scopes permit, before policies are asked."),
    expires_at: time.nullable(),
    updated_at: time.nullable().describe("Of the user's account; null for other callers."),
    user: z
      .object({
        id: uuid,
        username: z.string(),
        email: z.string().nullable(),
        email_verified: z.boolean(),
        must_change_password: z.boolean(),
        last_login_at: time.nullable(),
      })
      .nullable(),
  })
  .meta({ id: "Profile" });

/** Who acted becomes known by the act itself. */
export function actedAs(operation: Operation, user: User): void {
  operation.organizationId = user.organizationId;
  operation.actor = { id: `user:${user.id}`, name: user.username };
  operation.target = `user:${user.id}`;
}

/** Whoever is refused is nobody; the account they meant is somebody's, whose administrators are to see it. */
const triedBy =
  (operation: Operation): Tried =>
  (organizationId, userId) => {
    operation.organizationId = organizationId;
    if (userId !== undefined) operation.target = `user:${userId}`;
  };

function profileOf(
  { principal }: Operation,
  parts: AdminParts,
  user: User | undefined,
): z.input<typeof profile> {
  return {
    id: principal.id,
    kind: principal.kind,
    name: principal.name,
    organization_id: principal.organizationId,
    namespace_id: principal.namespaceId,
    role: principal.role,
    platform_admin: principal.platformAdmin,
    permissions: [...principal.permissions],
    groups: principal.groups === undefined ? null : [...principal.groups],
    scopes: principal.scopes === undefined ? null : [...principal.scopes],
    acts: [...parts.verbs].flatMap(([action, routes]) =>
      routes.some(({ roles, inPerson }) => mayDo({ action, roles, inPerson, principal })) ? [action] : [],
    ),
    expires_at: principal.expiresAt === undefined ? null : timeOf(principal.expiresAt),
    updated_at: user === undefined ? null : timeOf(user.updatedAt),
    user: user === undefined ? null : userView(user),
  };
}

function profileAnswer(operation: Operation, parts: AdminParts, user: User | undefined): AdminAnswer {
  const body = profileOf(operation, parts, user);
  return user === undefined ? { body } : { body, headers: { etag: versionTag(timeOf(user.updatedAt)) } };
}

export const signInRoutes = [
  defineRoute({
    id: "login",
    method: "POST",
    path: "/auth/login",
    access: "open",
    action: "auth.login",
    summary: "Signs a user in: a token of ten minutes, and one to refresh it with.",
    body: z.strictObject({ organization: slug.default("default"), username, password }),
    response: tokens,
    refuses: ["invalid_credentials", "too_many_failures"],
    handle: async ({ operation, parts, body }) => {
      const attempt = { ...body, clientAddress: operation.clientAddress };
      const signedIn = await parts.identity.signIns.login(attempt, triedBy(operation));
      actedAs(operation, signedIn.user);
      return { body: signedIn.tokens };
    },
  }),
  defineRoute({
    id: "refresh",
    method: "POST",
    path: "/auth/refresh",
    access: "open",
    action: "auth.refresh",
    summary: "The next tokens of a sign-in. A refresh token shown twice ends the sign-in.",
    body: z.strictObject({ refresh_token: z.string().min(1).max(2_048) }),
    response: tokens,
    oauthErrors: true,
    refuses: ["invalid_grant"],
    handle: async ({ operation, parts, body }) => {
      const signedIn = await parts.identity.signIns.refresh(body.refresh_token, triedBy(operation));
      actedAs(operation, signedIn.user);
      return { body: signedIn.tokens };
    },
  }),
  defineRoute({
    id: "logout",
    method: "POST",
    path: "/auth/logout",
    roles: everybody,
    scope: "caller",
    inPerson: "here",
    action: "auth.logout",
    summary: "Ends the sign-in the token came from; it works no more at once.",
    status: 204,
    handle: async ({ operation, parts }) => {
      operation.target = operation.principal.id;
      await parts.identity.signIns.logout(ownSignIn(operation.principal));
      return {};
    },
  }),
  defineRoute({
    id: "password",
    method: "POST",
    path: "/auth/password",
    roles: everybody,
    scope: "caller",
    inPerson: "here",
    action: "auth.password",
    summary: "A new password, by a token of a sign-in; the user's other sign-ins end.",
    body: z.strictObject({ current_password: password, new_password: password }),
    status: 204,
    refuses: ["current_password_wrong", "password_refused"],
    handle: async ({ operation, parts, body }) => {
      operation.target = operation.principal.id;
      await parts.identity.signIns.changePassword(
        ownSignIn(operation.principal),
        body.current_password,
        body.new_password,
      );
      return {};
    },
  }),
  defineRoute({
    id: "profile-get",
    method: "GET",
    path: "/auth/profile",
    roles: everybody,
    scope: "caller",
    action: "auth.profile",
    summary: "Who the caller is, and what it may.",
    response: profile,
    handle: async ({ operation, parts }) => {
      const { userId, organizationId } = operation.principal;
      const user = userId === undefined ? undefined : await parts.store.users.find(organizationId, userId);
      return profileAnswer(operation, parts, user);
    },
  }),
  defineRoute({
    id: "profile-update",
    method: "PUT",
    path: "/auth/profile",
    roles: everybody,
    scope: "caller",
    inPerson: "anywhere",
    action: "auth.profile_update",
    summary:
      "The user's own name and address, by a token of a sign-in. A changed address counts as not verified.",
    body: z.strictObject({ username: label, email: z.email().max(320).nullable() }).partial(),
    response: profile,
    versioned: true,
    refuses: ["already_exists"],
    handle: async ({ operation, parts, body, headers }) => {
      const { organizationId } = operation.principal;
      const id = ownAccount(operation.principal);
      const changed = await parts.store.users.update(organizationId, id, (user) => {
        operation.target = `user:${id}`;
        checkConditions(headers, user);
        operation.before = userView(user);
        return {
          ...(body.username !== undefined && { username: body.username }),
          ...(body.email !== undefined && { email: body.email, emailVerified: false }),
        };
      });
      // Removed in this moment, and the token with it.
      if (changed === undefined) throw new GatewayError("unauthenticated");
      operation.after = userView(changed);
      parts.credentialsChanged(id);
      return profileAnswer(operation, parts, changed);
    },
  }),
];
