import type { ApiKeyIdentity } from "../model/api-key.ts";
import { mayBeFor } from "../model/key-rights.ts";
import { covers } from "../model/permission-cover.ts";
import type { Clock } from "../model/ports/clock.ts";
import type { AcrossTenants, Store } from "../model/ports/store.ts";
import type { Principal } from "../model/principal.ts";
import type { UserIdentity } from "../model/user.ts";
import { principalOf } from "./api-key/principal.ts";
import { narrowed } from "./jwt/look.ts";
import { permissionKeyOf } from "./permission-key.ts";
import { userPrincipal } from "./user/principal.ts";

export type StandingStore = Pick<Store, "users"> & {
  readonly acrossTenants: Pick<AcrossTenants, "apiKeyById">;
};
/** What the store says of a caller now; nothing of those it does not know (anonymous, the operator). */
interface Standing {
  readonly key?: ApiKeyIdentity;
  readonly user?: UserIdentity;
}
/** A caller with the rights it has now; the very one it was where they are the same. */
export type Renewal = (principal: Principal) => Principal;

/**
 * Whether a caller that was let in may still be in: whoever holds a stream open presents nothing any more.
 * @param mapped a caller with the rights its token's claims are mapped to
 * @returns `undefined` where its key or sign-in was revoked, it was deactivated, or its organisation was.
 */
export async function standingOf(
  store: StandingStore,
  clock: Clock,
  mapped: Renewal,
  principal: Principal,
): Promise<Renewal | undefined> {
  const { keyId, userId, signInId, organizationId } = principal;
  const now = clock.now();
  const key = keyId === undefined ? undefined : await store.acrossTenants.apiKeyById(keyId);
  if (keyId !== undefined && (key === undefined || principalOf(key, now) === undefined)) return undefined;
  const isUser = principal.kind === "user" && userId !== undefined;
  const user = isUser ? await store.users.identity(organizationId, userId, signInId, now) : undefined;
  if (isUser && (user === undefined || !user.user.isActive || !user.organizationActive)) return undefined;
  const standing = { ...(key !== undefined && { key }), ...(user !== undefined && { user }) };
  return (held) => renewed(held, standing, mapped, now);
}

function renewed(held: Principal, { key, user }: Standing, mapped: Renewal, now: number): Principal {
  const current = key !== undefined ? ofKey(held, key, now) : user && ofUser(held, user);
  if (current === undefined) return held;
  const mappedNow = mapped(current);
  return mappedNow.permissionKey === held.permissionKey ? held : mappedNow;
}

function ofUser(held: Principal, user: UserIdentity): Principal | undefined {
  const { signInId, token, expiresAt = Number.POSITIVE_INFINITY } = held;
  return userPrincipal(user, { expiresAt, signInId, token });
}

/** A token exchanged from a key keeps what it was issued for, as far as the key still has it. */
function ofKey(held: Principal, identity: ApiKeyIdentity, now: number): Principal | undefined {
  const current = principalOf(identity, now);
  if (current === undefined || held.kind !== "client") return current;
  if (held.isNarrowed === true) {
    const kept = held.permissions.filter((pattern) => mayBeFor(current, pattern));
    return { ...held, ...narrowed(current, kept) };
  }
  const permissions = held.permissions.filter((pattern) => covers(current.permissions, pattern));
  const { role, platformAdmin } = current;
  const rights = { role, platformAdmin, permissions };
  return { ...held, ...rights, permissionKey: permissionKeyOf(rights) };
}
