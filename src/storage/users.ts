import type { Kysely } from "kysely";
import type { UserChange, Users } from "../model/ports/identities.ts";
import { checkAdministratorsLeft } from "./administrators.ts";
import { changeOf, credentialWrite } from "./config-version.ts";
import { instant, stampAfter } from "./instant.ts";
import { checked, textList } from "./json-column.ts";
import { containing, holding, type ListEngine, listedFrom } from "./list-filter.ts";
import { pageOf } from "./page.ts";
import type { Schema } from "./schema.ts";

const columns = [
  "users.id",
  "users.organizationId",
  "users.username",
  "users.email",
  "users.passwordHash",
  "users.role",
  "users.platformAdmin",
  "users.permissions",
  "users.isActive",
  "users.emailVerified",
  "users.mustChangePassword",
  "users.lastLoginAt",
  "users.createdAt",
  "users.updatedAt",
] as const;

export function userStore(engine: ListEngine): Users {
  const { db } = engine;
  const within = (organizationId: string, from: Kysely<Schema> = db) =>
    from.selectFrom("users").select(columns).where("users.organizationId", "=", organizationId);
  const find = (organizationId: string, id: string, from: Kysely<Schema> = db) =>
    within(organizationId, from).where("users.id", "=", id).executeTakeFirst();
  return {
    create: async (user) => {
      const now = new Date();
      await db
        .insertInto("users")
        .values({
          emailVerified: false,
          mustChangePassword: false,
          ...user,
          usernameLower: user.username.toLowerCase(),
          emailLower: user.email?.toLowerCase() ?? null,
          permissions: checked(textList, "permissions", user.permissions),
          isActive: true,
          lastLoginAt: null,
          createdAt: now,
          updatedAt: now,
        })
        .execute();
      return within(user.organizationId).where("users.id", "=", user.id).executeTakeFirstOrThrow();
    },
    find: (organizationId, id) => find(organizationId, id),
    findByName: (organizationId, username) =>
      within(organizationId).where("usernameLower", "=", username.toLowerCase()).executeTakeFirst(),
    list: (organizationId, page, filter = {}) => {
      const { after, limit } = pageOf(page);
      const { search, ...values } = filter;
      return within(organizationId, listedFrom(engine, filter))
        .where("users.id", ">", after)
        .where(holding<"users">(values))
        .where(containing(["users.usernameLower", "users.emailLower"], search))
        .orderBy("users.id")
        .limit(limit)
        .execute();
    },
    update: async (organizationId, id, change, kept) => {
      const isChanged = await credentialWrite(db, organizationId, async (transaction) => {
        const row = await find(organizationId, id, transaction);
        if (row === undefined) return false;
        const set = changeOf(change, row);
        await transaction
          .updateTable("users")
          .set({ ...set, ...lowered(set), updatedAt: stampAfter(row.updatedAt) })
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .execute();
        if (kept !== undefined) await checkAdministratorsLeft(transaction, kept, row, { ...row, ...set });
        return true;
      });
      return isChanged ? find(organizationId, id) : undefined;
    },
    remove: (organizationId, id, check, kept) =>
      credentialWrite(db, organizationId, async (transaction) => {
        const row = await find(organizationId, id, transaction);
        if (row === undefined) return false;
        check?.(row);
        await transaction
          .deleteFrom("users")
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .execute();
        if (kept !== undefined) await checkAdministratorsLeft(transaction, kept, row, undefined);
        return true;
      }),
    signedIn: async (organizationId, id, at, passwordHash) => {
      await db
        .updateTable("users")
        .set({ lastLoginAt: new Date(at), ...(passwordHash === undefined ? {} : { passwordHash }) })
        .where("organizationId", "=", organizationId)
        .where("id", "=", id)
        .execute();
    },
    identity: async (organizationId, id, familyId, now) => {
      let query = within(organizationId)
        .innerJoin("organizations", "organizations.id", "users.organizationId")
        .leftJoin("namespaces", (join) =>
          join
            .onRef("namespaces.organizationId", "=", "organizations.id")
            .on("namespaces.slug", "=", "default"),
        )
        .select(["namespaces.id as defaultNamespaceId", "organizations.isActive as organizationIsActive"])
        .where("users.id", "=", id);
      if (familyId !== undefined) {
        query = query.where(({ exists, selectFrom }) =>
          exists(
            selectFrom("tokenFamilies")
              .select("tokenFamilies.id")
              .where("tokenFamilies.id", "=", familyId)
              .whereRef("tokenFamilies.userId", "=", "users.id")
              .where("tokenFamilies.revokedAt", "is", null)
              .where("tokenFamilies.expiresAt", ">", instant(now)),
          ),
        );
      }
      const row = await query.executeTakeFirst();
      if (row === undefined) return undefined;
      const { defaultNamespaceId, organizationIsActive, ...user } = row;
      return { user, defaultNamespaceId, organizationActive: organizationIsActive };
    },
  };
}

function lowered({ username, email, permissions }: UserChange) {
  return {
    ...(username === undefined ? {} : { usernameLower: username.toLowerCase() }),
    ...(email === undefined ? {} : { emailLower: email?.toLowerCase() ?? null }),
    ...(permissions === undefined ? {} : { permissions: checked(textList, "permissions", permissions) }),
  };
}
