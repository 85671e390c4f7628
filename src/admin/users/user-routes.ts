import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { AdministratorsKept } from "../../model/ports/identities.ts";
import type { User } from "../../model/user.ts";
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
  removed,
  role,
} from "../fields.ts";
import { searched, yesOrNo } from "../list-filter.ts";
import { checkRulesNoOthers, checkWithinOwn, checkWithinReach } from "../own-rights.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute, tagged } from "../route.ts";
import { user, userView } from "./user-view.ts";

const fields = {
  username: label,
  email: z.email().max(320).nullable(),
  role,
  permissions: z.array(permission).max(1_000),
  platform_admin: z.boolean(),
  password: z
    .string()
    .min(1)
    .max(1_024)
    .describe("Given by an administrator: to be changed at the next sign-in."),
};
const newUser = z.strictObject({
  username: fields.username,
  email: fields.email.default(null),
  role: fields.role.default("user"),
  permissions: fields.permissions.default([]),
  platform_admin: fields.platform_admin.default(false),
  password: fields.password
    .optional()
    .describe("Without one the user signs in at an identity provider only."),
});
const change = z.strictObject({ ...fields, active: z.boolean(), email_verified: z.boolean() }).partial();

async function userOf(parts: AdminParts, operation: Operation, id: string): Promise<User> {
  const row = found(await parts.store.users.find(operation.organizationId, id));
  operation.target = `user:${id}`;
  return row;
}

/**
 * What a change may give: patterns that are new, a role, and, with a password, all that its user has then, since whoever set
 * the password can be that user.
 * @throws GatewayError `exceeds_creator`
 */
function checkMayChange(operation: Operation, now: User, body: z.output<typeof change>): void {
  const { principal } = operation;
  if (!now.platformAdmin) checkRulesNoOthers(operation, body.platform_admin);
  checkWithinReach(principal, now);
  const { role: given, permissions = now.permissions } = body;
  if (body.password !== undefined) checkWithinOwn(principal, { role: given ?? now.role, permissions });
  const added = permissions.filter((pattern) => !now.permissions.includes(pattern));
  checkWithinOwn(principal, { ...(given !== now.role && { role: given }), permissions: added });
}

/** Platform administrators are made and changed by their like alone. */
function checkMayTouch(operation: Operation, ...flags: (boolean | undefined)[]): void {
  if (flags.includes(true) && !operation.principal.platformAdmin) throw new GatewayError("forbidden");
}

/**
 * Who acts as a person, by a key of theirs too, leaves somebody to administrate: they may lose what they act by. A key of
 * nobody's stays, and a platform administrator stands above other organisations.
 */
function kept({ principal, actorOrganization }: Operation): AdministratorsKept {
  const isPerson = principal.userId !== undefined;
  return { ofOrganization: isPerson && actorOrganization === undefined, ofInstallation: isPerson };
}

export const userRoutes = [
  defineRoute({
    id: "users-list",
    method: "GET",
    path: "/api/admin/users",
    roles: ["admin"],
    action: "user.list",
    summary: "The organisation's users.",
    query: z.strictObject({
      role: role.optional().describe("Of this role."),
      active: yesOrNo("Whether they may sign in."),
      platform_admin: yesOrNo("Whether they are platform administrators."),
      search: searched("user name or e-mail address"),
      ...pageQuery,
    }),
    response: pageOf(user),
    handle: async ({ operation, parts, query }) => {
      const { role, active: isActive, platform_admin: platformAdmin, search } = query;
      const filter = { role, isActive, platformAdmin, search };
      const rows = await parts.store.users.list(operation.organizationId, pageRequest(query), filter);
      return { body: pageAnswer(rows, query.limit, userView) };
    },
  }),
  defineRoute({
    id: "users-create",
    method: "POST",
    path: "/api/admin/users",
    roles: ["admin"],
    action: "user.create",
    summary: "A new user.",
    body: newUser,
    status: 201,
    response: user,
    refuses: ["already_exists", "password_refused", "exceeds_creator"],
    handle: async ({ operation, parts, body }) => {
      checkMayTouch(operation, body.platform_admin);
      checkRulesNoOthers(operation, body.platform_admin);
      checkWithinOwn(operation.principal, body);
      const { password } = body;
      const row = await parts.store.users.create({
        id: Bun.randomUUIDv7(),
        organizationId: operation.organizationId,
        username: body.username,
        email: body.email,
        passwordHash:
          password === undefined ? null : await parts.identity.signIns.hashOf(password, body.username),
        mustChangePassword: password !== undefined,
        role: body.role,
        platformAdmin: body.platform_admin,
        permissions: body.permissions,
      });
      operation.target = `user:${row.id}`;
      const view = userView(row);
      operation.after = view;
      return tagged(view);
    },
  }),
  defineRoute({
    id: "users-get",
    method: "GET",
    path: "/api/admin/users/{id}",
    roles: ["admin"],
    action: "user.get",
    summary: "One user.",
    response: user,
    handle: async ({ operation, parts, params }) =>
      tagged(userView(await userOf(parts, operation, idOf(params)))),
  }),
  defineRoute({
    id: "users-update",
    method: "PUT",
    path: "/api/admin/users/{id}",
    roles: ["admin"],
    action: "user.update",
    summary: "Changes what is given. A new password, or `active: false`, ends the user's sign-ins at once.",
    body: change,
    versioned: true,
    response: user,
    refuses: ["already_exists", "password_refused", "exceeds_creator", "conflict"],
    handle: async ({ operation, parts, params, body, headers }) => {
      const before = await userOf(parts, operation, idOf(params));
      // Also here, before a password costs its hash.
      checkMayTouch(operation, before.platformAdmin, body.platform_admin);
      checkMayChange(operation, before, body);
      const { password } = body;
      const passwordHash =
        password === undefined
          ? undefined
          : await parts.identity.signIns.hashOf(password, body.username ?? before.username);
      const row = found(
        await parts.store.users.update(
          operation.organizationId,
          before.id,
          (now) => {
            checkMayTouch(operation, now.platformAdmin);
            checkMayChange(operation, now, body);
            checkConditions(headers, now);
            operation.before = userView(now);
            return {
              ...(body.username !== undefined && { username: body.username }),
              ...(body.email !== undefined && { email: body.email }),
              ...(body.email_verified !== undefined && { emailVerified: body.email_verified }),
              ...(body.role !== undefined && { role: body.role }),
              ...(body.permissions !== undefined && { permissions: body.permissions }),
              ...(body.platform_admin !== undefined && { platformAdmin: body.platform_admin }),
              ...(body.active !== undefined && { isActive: body.active }),
              ...(passwordHash !== undefined && { passwordHash, mustChangePassword: true }),
            };
          },
          kept(operation),
        ),
      );
      if (passwordHash !== undefined || body.active === false) {
        await parts.identity.signIns.endAll(operation.organizationId, before.id);
      }
      parts.credentialsChanged(before.id);
      const view = userView(row);
      operation.after = view;
      return tagged(view);
    },
  }),
  defineRoute({
    id: "users-delete",
    method: "DELETE",
    path: "/api/admin/users/{id}",
    roles: ["admin"],
    action: "user.delete",
    summary: "Deletes the user with its keys and sign-ins.",
    status: 204,
    versioned: true,
    refuses: ["conflict", "exceeds_creator"],
    handle: async ({ operation, parts, params, headers }) => {
      const id = idOf(params);
      removed(
        await parts.store.users.remove(
          operation.organizationId,
          id,
          (before) => {
            operation.target = `user:${id}`;
            checkMayTouch(operation, before.platformAdmin);
            checkWithinReach(operation.principal, before);
            checkConditions(headers, before);
            operation.before = userView(before);
            if (id === operation.principal.userId) {
              throw new GatewayError("conflict", { detail: "nobody deletes the account they act with" });
            }
          },
          kept(operation),
        ),
      );
      parts.credentialsChanged("all");
      return {};
    },
  }),
];
