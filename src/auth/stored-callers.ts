import type { Clock } from "../model/ports/clock.ts";
import type { StoredCallers } from "../model/ports/stored-callers.ts";
import { principalOf } from "./api-key/principal.ts";
import type { StandingStore } from "./standing.ts";
import { userPrincipal } from "./user/principal.ts";

/** As the looks of the authenticators find them. */
export function storedCallers(store: StandingStore, clock: Clock): StoredCallers {
  return {
    key: async (organizationId, id) => {
      const identity = await store.acrossTenants.apiKeyById(id);
      return identity?.key.organizationId === organizationId ? principalOf(identity, clock.now()) : undefined;
    },
    user: async (organizationId, id) => {
      const identity = await store.users.identity(organizationId, id, undefined, clock.now());
      return identity && userPrincipal(identity, { expiresAt: Number.POSITIVE_INFINITY });
    },
  };
}
