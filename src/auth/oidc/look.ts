import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import type { IdentityProvider } from "../../model/identity-provider.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Finding } from "../credential-cache.ts";
import { userPrincipal } from "../user/principal.ts";
import { People, type PeopleStore } from "./people.ts";
import type { ProviderKeys } from "./provider-keys.ts";

/** Between a provider's clock and ours. */
const LEEWAY_SECONDS = 30;
const AUDIENCES_MAX = 100;

export interface ProviderLookOptions {
  readonly provider: IdentityProvider;
  readonly keys: ProviderKeys;
  readonly store: PeopleStore;
  readonly clock: Clock;
}

/** Looks up who bears an access token of a provider. */
export function providerLook(options: ProviderLookOptions): (token: string) => Promise<Finding> {
  const { provider, store, clock } = options;
  const people = new People(store);
  return async (token) => {
    const claims = await verifyProviderToken(options, token);
    if (claims === undefined) return { principal: undefined, isForgettable: true };
    const person = await people.find(provider, claims);
    if (person === undefined) return { principal: undefined };
    const now = clock.now();
    const identity = await store.users.identity(person.organizationId, person.userId, undefined, now);
    if (identity === undefined) return { principal: undefined };
    const expiresAt = (claims.exp ?? 0) * 1000 + LEEWAY_SECONDS * 1000;
    const { groupClaims, scopeClaims } = provider;
    const endpoints = endpointsOf(provider, claims);
    return {
      principal: userPrincipal(identity, {
        expiresAt,
        token: { claims, groupClaims, scopeClaims, endpoints },
      }),
    };
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
      issuer: [provider.issuer, ...provider.otherIssuers],
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

function isMeantForUs(provider: IdentityProvider, payload: JWTPayload): boolean {
  if (isIdToken(provider, payload)) return false;
  return endpointsOf(provider, payload)?.length !== 0;
}

/** One says who signed in somewhere, not that its bearer may call. */
function isIdToken({ takesIdTokens, accessTokenClaims }: IdentityProvider, payload: JWTPayload): boolean {
  const { nonce, at_hash: accessTokenHash, c_hash: codeHash, typ, token_use: use } = payload;
  if (nonce !== undefined || codeHash !== undefined) return true;
  if (takesIdTokens) return false;
  const isMarked = accessTokenClaims.some((name) => payload[name] !== undefined);
  if (accessTokenClaims.length > 0 && !isMarked) return true;
  return accessTokenHash !== undefined || typ === "ID" || use === "id";
}

/**
 * Paths of the gateway's own endpoints that a token names as its audience (RFC 8707), none where it is not meant for this
 * gateway; `undefined` where it names the gateway itself, or an audience that was configured: then it opens all of them.
 */
function endpointsOf(
  { audiences, ownAudience }: IdentityProvider,
  { aud }: JWTPayload,
): readonly string[] | undefined {
  const named = (typeof aud === "string" ? [aud] : (aud ?? [])).slice(0, AUDIENCES_MAX);
  if (!ownAudience) return named.some((audience) => audiences.includes(audience)) ? undefined : [];
  const [gateway = ""] = audiences;
  const own = named.map((audience) => audience.replace(/\/+$/, ""));
  if (own.includes(gateway)) return undefined;
  return own.flatMap((audience) =>
    audience.startsWith(`${gateway}/`) ? [audience.slice(gateway.length)] : [],
  );
}
