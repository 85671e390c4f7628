import type { ApiKeyIdentity } from "../../model/api-key.ts";
import { mayBeFor } from "../../model/key-rights.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { AcrossTenants, Store } from "../../model/ports/store.ts";
import type { Principal } from "../../model/principal.ts";
import { principalOf } from "../api-key/principal.ts";
import type { Finding } from "../credential-cache.ts";
import { permissionKeyOf } from "../permission-key.ts";
import { userPrincipal } from "../user/principal.ts";
import type { AccessClaims, AccessTokens } from "./access-token.ts";

export interface OwnTokenLookOptions {
  readonly tokens: AccessTokens;
  readonly store: Pick<Store, "users"> & { readonly acrossTenants: Pick<AcrossTenants, "apiKeyById"> };
  readonly clock: Clock;
}

/** Looks up who bears a token of our own: the token says who, the store what they may now. */
export function ownTokenLook({
  tokens,
  store,
  clock,
}: OwnTokenLookOptions): (token: string) => Promise<Finding> {
  return async (token) => {
    const refused = (refusal: string) => ({
      principal: undefined,
      refusal: `a token of this gateway: ${refusal}`,
    });
    const claims = await tokens.verify(token);
    if ("refusal" in claims) return { ...refused(claims.refusal), isForgettable: true };
    const { subject, organizationId, signInId } = claims;
    const id = subject.slice(subject.indexOf(":") + 1);
    if (subject.startsWith("user:") && signInId !== undefined) {
      const identity = await store.users.identity(organizationId, id, signInId, clock.now());
      const principal = identity && userPrincipal(identity, { expiresAt: claims.expiresAt, signInId });
      return principal === undefined
        ? refused("its sign-in has ended, or its user is not active")
        : { principal };
    }
    if (!subject.startsWith("client:")) return refused("its subject is unknown");
    const identity = await store.acrossTenants.apiKeyById(id);
    const principal = identity && clientPrincipal(identity, claims, clock.now());
    return principal === undefined ? refused("its key does not work any more") : { principal };
  };
}

/** What a token has of its key's rights that was asked for some patterns alone. */
export function narrowed({ role }: Pick<Principal, "role">, permissions: readonly string[]) {
  const rights = { role, platformAdmin: false, permissions, isNarrowed: true };
  return { ...rights, permissionKey: permissionKeyOf(rights) };
}

/** The principal of a token exchanged from an a2a key: the key's, never wider, for as long as both last. */
export function clientPrincipal(
  identity: ApiKeyIdentity,
  { permissions, expiresAt }: Pick<AccessClaims, "permissions" | "expiresAt">,
  now: number,
): Principal | undefined {
  const key = principalOf(identity, now);
  if (key === undefined || identity.key.type !== "a2a") return undefined;
  // The key may have been narrowed since the token was issued.
  const kept = permissions?.filter((pattern) => mayBeFor(key, pattern));
  const rights = kept && narrowed(key, kept);
  return {
    ...key,
    ...rights,
    id: `client:${identity.key.id}`,
    kind: "client",
    expiresAt: Math.min(expiresAt, key.expiresAt ?? expiresAt),
  };
}
