import type { Kysely, Transaction } from "kysely";
import { GatewayError } from "../errors/gateway-error.ts";
import type { AdministratorsKept } from "../model/ports/identities.ts";
import type { User } from "../model/user.ts";
import { countCredentialWrite } from "./config-version.ts";
import type { Schema } from "./schema.ts";

/** What makes somebody an administrator. */
type Standing = Pick<User, "role" | "platformAdmin" | "isActive">;

const rules = ({ isActive, platformAdmin }: Standing): boolean => isActive && platformAdmin;
const administers = ({ role, ...others }: Standing): boolean =>
  others.isActive && (role === "admin" || others.platformAdmin);

/**
 * Behind the write of one user, within it and in its organisation's queue: whoever takes an administrator away leaves another.
 * @param after undefined where the user is removed
 * @throws GatewayError `conflict`
 */
export async function checkAdministratorsLeft(
  transaction: Transaction<Schema>,
  kept: AdministratorsKept,
  before: User,
  after: Standing | undefined,
): Promise<void> {
  const isLost = (is: (one: Standing) => boolean) => is(before) && (after === undefined || !is(after));
  if (kept.ofOrganization && isLost(administers)) {
    const left = await active(transaction)
      .where("users.organizationId", "=", before.organizationId)
      .where(({ or, eb }) => or([eb("users.role", "=", "admin"), eb("users.platformAdmin", "=", true)]))
      .executeTakeFirst();
    if (left === undefined) throw nobodyLeft("the organisation", "its administrator");
  }
  if (kept.ofInstallation && isLost(rules)) {
    // Organisations do not queue at each other: whoever comes second reads behind the counter what the first has written.
    await countCredentialWrite(transaction);
    const left = await active(transaction)
      .innerJoin("organizations", "organizations.id", "users.organizationId")
      .where("organizations.isActive", "=", true)
      .where("users.platformAdmin", "=", true)
      .executeTakeFirst();
    if (left === undefined) throw nobodyLeft("the installation", "a platform administrator");
  }
}

function active(db: Kysely<Schema>) {
  return db.selectFrom("users").select("users.id").where("users.isActive", "=", true).limit(1);
}

function nobodyLeft(what: string, who: string): GatewayError {
  const detail = `nobody else administers ${what}; make another active user ${who} first`;
  return new GatewayError("conflict", { detail });
}
