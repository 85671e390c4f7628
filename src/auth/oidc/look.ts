import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import type { IdentityProvider } from "../../model/identity-provider.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { Finding } from "../credential-cache.ts";
import { quoted, refusalOf } from "../jwt/refusal.ts";
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
    const refused = (refusal: string) => ({
      principal: undefined,
      refusal: `a token of ${provider.name}: ${refusal}`,
    });
    const verified = await verifyProviderToken(options, token);
    if ("refusal" in verified) return { ...refused(verified.refusal), isForgettable: true };
    const { claims } = verified;
    const person = await people.find(provider, claims);
    if ("refusal" in person) return refused(person.refusal);
    const now = clock.now();
    const identity = await store.users.identity(person.organizationId, person.userId, undefined, now);
    if (identity === undefined) return refused("its user is gone");
    const expiresAt = (claims.exp ?? 0) * 1000 + LEEWAY_SECONDS * 1000;
    const { groupClaims, scopeClaims } = provider;
    const endpoints = endpointsOf(provider, claims);
    const facts = { expiresAt, token: { claims, groupClaims, scopeClaims, endpoints } };
    const principal = userPrincipal(identity, facts);
    return principal === undefined ? refused("its user is not active") : { principal };
  };
}

/** Claims of a provider's access token, or why it is none that is meant for this gateway, now. */
export async function verifyProviderToken(
  { provider, keys, clock }: Pick<ProviderLookOptions, "provider" | "keys" | "clock">,
  token: string,
): Promise<{ readonly claims: JWTPayload } | { readonly refusal: string }> {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    if (alg === undefined || !provider.algorithms.includes(alg))
      return { refusal: `its algorithm is ${quoted(alg)}, none of ${provider.algorithms.join(", ")}` };
    const key = await keys.find(kid, alg);
    if (key === undefined) {
      const known = `the provider publishes no key ${quoted(kid)} for ${alg}`;
      return { refusal: keys.areKnown ? known : "the provider's keys could not be read" };
    }
    const { payload } = await jwtVerify(token, key, {
      algorithms: [...provider.algorithms],
      issuer: [provider.issuer, ...provider.otherIssuers],
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ["exp", "sub", "aud"],
      currentDate: new Date(clock.now()),
    });
    if (isIdToken(provider, payload)) return { refusal: "it is an ID token, not an access token" };
    if (endpointsOf(provider, payload)?.length === 0) return { refusal: wrongAudience(provider, payload) };
    return { claims: payload };
  } catch (failure) {
    if (failure instanceof errors.JOSEError || failure instanceof TypeError)
      return { refusal: refusalOf(failure) };
    throw failure;
  }
}

function wrongAudience({ audiences, ownAudience }: IdentityProvider, { aud }: JWTPayload): string {
  const own = `${audiences[0]} or one of its endpoints`;
  return `its audience is ${quoted(aud)}, not ${ownAudience ? own : audiences.join(" or ")}`;
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
