import type { Principal } from "../principal.ts";

/** The principals that stored keys and users have when they call; `undefined` for one who is not let in. */
export interface StoredCallers {
  key(organizationId: string, id: string): Promise<Principal | undefined>;
  /** As if signed in here: without scopes and groups. */
  user(organizationId: string, id: string): Promise<Principal | undefined>;
}
