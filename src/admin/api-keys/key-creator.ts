import { GatewayError } from "../../errors/gateway-error.ts";
import type { Operation } from "../../model/operation.ts";
import type { Role } from "../../model/principal.ts";
import type { User } from "../../model/user.ts";
import { membersRefused } from "../checked.ts";
import {
  checkRulesNoOthers,
  checkWithinOwn,
  checkWithinReach,
  exceeds,
  isPermittedByScopes,
} from "../own-rights.ts";
import type { AdminParts } from "../parts.ts";

/** What is asked for. */
export interface WantedKey {
  readonly type: "user" | "a2a";
  readonly role?: Role | undefined;
  readonly permissions: readonly string[];
  readonly user_id?: string | undefined;
  /** RFC 3339. */
  readonly expires_at?: string | undefined;
  readonly platform_admin: boolean;
}

/** Administrators' keys are made for others than their makers. */
function mayForOthers({ principal }: Operation): boolean {
  return (
    principal.platformAdmin || principal.role === "admin" || isPermittedByScopes(principal, "api_key.create")
  );
}

/** A key never exceeds who makes it. @throws GatewayError `exceeds_creator` */
export function checkWithinCreator(
  operation: Operation,
  wanted: WantedKey,
  namespaceId: string | null,
): void {
  const { principal } = operation;
  // It would outlive the setting that lets anonymous callers in.
  if (principal.kind === "anonymous") throw exceeds("an anonymous caller has no right to pass on");
  if (principal.namespaceBound && namespaceId !== principal.namespaceId) throw exceeds("another namespace");
  checkEndsWithCreator(principal, wanted.expires_at === undefined ? null : Date.parse(wanted.expires_at));
  checkRulesNoOthers(operation, wanted.platform_admin);
  checkHasOwnerOrEnd(operation, wanted);
  if (principal.platformAdmin) return;
  if (wanted.platform_admin) throw exceeds("platform_admin");
  if (wanted.type === "a2a" && !mayForOthers(operation)) throw exceeds("type a2a");
  checkWithinOwn(principal, wanted);
}

/**
 * What is not a person ends one day, and so does what it makes; a person makes keys that outlive the token it shows.
 * @param wanted milliseconds since the epoch; `null` never ends
 * @throws GatewayError `exceeds_creator`
 */
export function checkEndsWithCreator(
  { kind, expiresAt }: Operation["principal"],
  wanted: number | null,
): void {
  if (kind === "user" || expiresAt === undefined) return;
  if (wanted === null) throw exceeds("no expiry");
  if (wanted > expiresAt) throw exceeds("a later expiry");
}

/** Where its maker is a stranger a key follows nobody who is taken off: it is somebody's there, an application's, or it ends. */
function checkHasOwnerOrEnd(
  { actorOrganization }: Operation,
  { type, user_id, expires_at }: WantedKey,
): void {
  if (actorOrganization === undefined || type === "a2a" || user_id !== undefined) return;
  if (expires_at === undefined)
    throw exceeds(
      "in another organisation a key is a user's (user_id), an application's (type a2a), or ends (expires_at)",
    );
}

/**
 * Whose the key is: of the user that is named, else its maker's; `undefined` for nobody's. Who holds somebody's key is that
 * user to the gateway, so that it is within its maker's reach as setting a password is.
 * @throws GatewayError `exceeds_creator`, `forbidden`, `invalid_request` where there is no such user
 */
export async function ownerOf(
  parts: AdminParts,
  operation: Operation,
  { type, user_id: userId }: WantedKey,
): Promise<Pick<User, "id" | "role"> | undefined> {
  const { organizationId, actorOrganization, principal } = operation;
  const maker = actorOrganization === undefined ? principal.userId : undefined;
  if (userId === undefined || userId === maker) {
    return type === "a2a" || maker === undefined ? undefined : { id: maker, role: principal.role };
  }
  if (type === "a2a") throw membersRefused({ path: "user_id", message: "of keys of type user alone" });
  if (!mayForOthers(operation)) throw exceeds("another user's key");
  // Its bearer would be that user, whose name, address and other keys are the organisation's.
  if (principal.namespaceBound) throw exceeds("another user's key, from one namespace");
  const user = await parts.store.users.find(organizationId, userId);
  if (user === undefined) throw membersRefused({ path: "user_id", message: "there is no such user" });
  if (user.platformAdmin && !principal.platformAdmin) throw new GatewayError("forbidden");
  checkWithinReach(principal, user);
  checkWithinOwn(principal, user);
  return user;
}
