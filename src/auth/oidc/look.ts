import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import type { ClaimMapping, IdentityProvider } from "../../model/identity-provider.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Finding } from "../credential-cache.ts";
import { userPrincipal } from "../user/principal.ts";
import { claimedRights } from "./claims.ts";
import { People, type PeopleStore } from "./people.ts";
import type { ProviderKeys } from "./provider-keys.ts";

/** Between a provider's clock and ours. */
const LEEWAY_SECONDS = 30;

export interface ProviderLookOptions {
  readonly provider: IdentityProvider;
  readonly keys: ProviderKeys;
  readonly mapping: ClaimMapping;
  /** Patterns that scopes grant. */
  readonly patternsOf: (scopes: readonly string[]) => readonly string[];
  readonly store: PeopleStore;
  readonly clock: Clock;
}

/** Looks up who bears an access token of a provider. */
export function providerLook(options: ProviderLookOptions): (token: string) => Promise<Finding> {
  const { provider, mapping, store, clock } = options;
  const people = new People(store);
  return async (token) => {
    const claims = await verifyProviderToken(options, token);
    if (claims === undefined) return { principal: undefined, isForgettable: true };
    const person = await people.find(provider, claims);
    if (person === undefined) return { principal: undefined };
    const now = clock.now();
    const identity = await store.users.identity(person.organizationId, person.userId, undefined, now);
    if (identity === undefined) return { principal: undefined };
    const { groups, scopes } = claimedRights(claims, mapping);
    const expiresAt = (claims.exp ?? 0) * 1000 + LEEWAY_SECONDS * 1000;
    const granted = options.patternsOf(scopes);
    return { principal: userPrincipal(identity, { expiresAt, groups, scopes, granted }) };
  };
}

/** Claims of a provider's access token, or `undefined` for anything that is not one meant for this gateway, now. */
export async function verifyProviderToken(
  { provider, keys, clock }: Pick<ProviderLookOptions, "provider" | "keys" | "clock">,
  token: string,
): Promise<JWTPayload | undefined> {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    if (alg === undefined || !provider.algorithms.includes(alg)) return undefined;
    const key = await keys.find(kid, alg);
    if (key === undefined) return undefined;
    const { payload } = await jwtVerify(token, key, {
      algorithms: [...provider.algorithms],
      issuer: provider.issuer,
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ["exp", "sub", "aud"],
      currentDate: new Date(clock.now()),
    });
    return isMeantForUs(provider, payload) ? payload : undefined;
  } catch (failure) {
    if (failure instanceof errors.JOSEError || failure instanceof TypeError) return undefined;
    throw failure;
  }
}

function isMeantForUs({ audiences, ownAudience }: IdentityProvider, { aud, nonce }: JWTPayload): boolean {
  // An ID token says who signed in somewhere, not that its bearer may call.
  if (nonce !== undefined) return false;
  const named = typeof aud === "string" ? [aud] : (aud ?? []);
  return named.some(
    (audience) => audiences.includes(audience) || (ownAudience && audience.startsWith(`${audiences[0]}/`)),
  );
}
