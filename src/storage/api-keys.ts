import type { ExpressionBuilder, Insertable, Kysely } from "kysely";
import type { ApiKeyFilter } from "../model/ports/filters.ts";
import type { ApiKeys, NewApiKey } from "../model/ports/store.ts";
import { changeOf, credentialWrite } from "./config-version.ts";
import { instant, stampAfter } from "./instant.ts";
import { checked, textList } from "./json-column.ts";
import { containing, holding, type ListEngine, listedFrom } from "./list-filter.ts";
import { pageOf } from "./page.ts";
import type { Schema } from "./schema.ts";

export function apiKeyRow(key: NewApiKey): Insertable<Schema["apiKeys"]> {
  const now = new Date();
  return {
    ...key,
    permissions: checked(textList, "permissions", key.permissions),
    expiresAt: timeOf(key.expiresAt),
    lastUsedAt: null,
    isActive: true,
    revokedAt: null,
    createdAt: now,
    updatedAt: now,
  };
}

function timeOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}

function isNow({ status, at }: NonNullable<ApiKeyFilter["standing"]>) {
  return ({ and, or, eb }: ExpressionBuilder<Schema, "apiKeys">) => {
    if (status === "revoked") return eb("revokedAt", "is not", null);
    const kept = eb("revokedAt", "is", null);
    if (status === "expired") return and([kept, eb("expiresAt", "<=", instant(at))]);
    const runs = or([eb("expiresAt", "is", null), eb("expiresAt", ">", instant(at))]);
    return and([kept, runs, eb("isActive", "=", status === "active")]);
  };
}

export function apiKeyStore(engine: ListEngine): ApiKeys {
  const { db } = engine;
  const within = (organizationId: string, from: Kysely<Schema> = db) =>
    from.selectFrom("apiKeys").selectAll().where("organizationId", "=", organizationId);
  return {
    create: async (key) => {
      const row = apiKeyRow(key);
      await credentialWrite(db, key.organizationId, async (transaction) => {
        await transaction.insertInto("apiKeys").values(row).execute();
        return true;
      });
      return within(key.organizationId).where("id", "=", key.id).executeTakeFirstOrThrow();
    },
    find: (organizationId, id) => within(organizationId).where("id", "=", id).executeTakeFirst(),
    list: (organizationId, page, filter = {}) => {
      const { after, limit } = pageOf(page);
      const { holder, standing, search, ...values } = filter;
      let query = within(organizationId, listedFrom(engine, { ...filter, holder: undefined }))
        .where("id", ">", after)
        .where(holding<"apiKeys">(values))
        .where(containing(["name", "prefix"], search))
        .orderBy("id")
        .limit(limit);
      if (standing !== undefined) query = query.where(isNow(standing));
      if (holder !== undefined) {
        const { principalId, userId, keyId } = holder;
        query = query.where(({ eb, or }) =>
          or([
            eb("createdBy", "=", principalId),
            ...(userId === undefined ? [] : [eb("userId", "=", userId)]),
            ...(keyId === undefined ? [] : [eb("id", "=", keyId)]),
          ]),
        );
      }
      return query.execute();
    },
    update: async (organizationId, id, change) => {
      const isChanged = await credentialWrite(db, organizationId, async (transaction) => {
        const row = await within(organizationId, transaction).where("id", "=", id).executeTakeFirst();
        if (row === undefined) return false;
        const { permissions, expiresAt, ...rest } = changeOf(change, row);
        await transaction
          .updateTable("apiKeys")
          .set({
            ...rest,
            ...(permissions === undefined
              ? {}
              : { permissions: checked(textList, "permissions", permissions) }),
            ...(expiresAt === undefined ? {} : { expiresAt: timeOf(expiresAt) }),
            updatedAt: stampAfter(row.updatedAt),
          })
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .execute();
        return true;
      });
      return isChanged ? within(organizationId).where("id", "=", id).executeTakeFirst() : undefined;
    },
    revoke: (organizationId, id, at, check) =>
      credentialWrite(db, organizationId, async (transaction) => {
        const row = await within(organizationId, transaction).where("id", "=", id).executeTakeFirst();
        if (row === undefined) return false;
        check?.(row);
        if (row.revokedAt !== null) return false;
        await transaction
          .updateTable("apiKeys")
          .set({ isActive: false, revokedAt: new Date(at), updatedAt: stampAfter(row.updatedAt) })
          .where("organizationId", "=", organizationId)
          .where("id", "=", id)
          .execute();
        return true;
      }),
  };
}
