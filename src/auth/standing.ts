import type { Clock } from "../model/ports/clock.ts";
import type { AcrossTenants, Store } from "../model/ports/store.ts";
import type { Principal } from "../model/principal.ts";
import { principalOf } from "./api-key/principal.ts";

export type StandingStore = Pick<Store, "users"> & {
  readonly acrossTenants: Pick<AcrossTenants, "apiKeyById">;
};

/**
 * Whether a caller that was let in may still be in: whoever holds a stream open presents nothing any more.
 * @returns false where its key or sign-in was revoked, it was deactivated, or its organisation was.
 */
export async function mayStay(store: StandingStore, clock: Clock, principal: Principal): Promise<boolean> {
  const { keyId, userId, signInId, organizationId } = principal;
  const now = clock.now();
  if (keyId !== undefined) {
    const identity = await store.acrossTenants.apiKeyById(keyId);
    if (identity === undefined || principalOf(identity, now) === undefined) return false;
  }
  if (principal.kind !== "user" || userId === undefined) return true;
  const identity = await store.users.identity(organizationId, userId, signInId, now);
  return identity !== undefined && identity.user.isActive && identity.organizationActive;
}
