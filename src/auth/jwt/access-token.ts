import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { Clock } from "../../model/ports/clock.ts";
import { type KeyRing, SIGNING_ALGORITHM } from "./key-ring.ts";
import { refusalOf } from "./refusal.ts";

/** RFC 9068: an access token says that it is one, so that no other kind of token passes for it. */
const TYPE = "at+jwt";
export const ACCESS_TOKEN_SECONDS = 600;
/** Between the clocks of our own processes. */
const LEEWAY_SECONDS = 5;

/** What a token of ours says; everything else about its bearer is read from the store. */
export interface AccessClaims {
  /** `user:<uuid>` or `client:<key uuid>`. */
  readonly subject: string;
  readonly organizationId: string;
  /** The sign-in it came from. */
  readonly signInId?: string | undefined;
  /** Narrower than its key's, where that was asked for. */
  readonly permissions?: readonly string[] | undefined;
  readonly expiresAt: number;
}

/** Issues and verifies the gateway's own access tokens: signed JWTs of ten minutes, for this gateway alone. */
export class AccessTokens {
  readonly issuer: string;
  readonly #ring: KeyRing;
  readonly #clock: Clock;

  /** @param issuer `server.url`: issuer and audience in one. */
  constructor(issuer: string, ring: KeyRing, clock: Clock) {
    this.issuer = issuer;
    this.#ring = ring;
    this.#clock = clock;
  }

  async issue(
    claims: Omit<AccessClaims, "expiresAt">,
    lifeSeconds: number = ACCESS_TOKEN_SECONDS,
  ): Promise<{ readonly token: string; readonly expiresIn: number }> {
    const { id, key } = await this.#ring.signer();
    const now = Math.floor(this.#clock.now() / 1000);
    const token = await new SignJWT({
      org: claims.organizationId,
      ...(claims.signInId !== undefined && { sid: claims.signInId }),
      ...(claims.permissions !== undefined && { permissions: claims.permissions }),
    })
      .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ: TYPE, kid: id })
      .setIssuer(this.issuer)
      .setAudience(this.issuer)
      .setSubject(claims.subject)
      .setJti(Bun.randomUUIDv7())
      .setIssuedAt(now)
      .setExpirationTime(now + lifeSeconds)
      .sign(key);
    return { token, expiresIn: lifeSeconds };
  }

  /** @returns why, for the operator, for anything but a token of ours that has not expired. */
  async verify(token: string): Promise<AccessClaims | { readonly refusal: string }> {
    try {
      const { payload } = await jwtVerify(
        token,
        async ({ kid }) => {
          const key = typeof kid === "string" ? await this.#ring.verifier(kid) : undefined;
          if (key === undefined) throw new errors.JWKSNoMatchingKey();
          return key;
        },
        {
          algorithms: [SIGNING_ALGORITHM],
          typ: TYPE,
          issuer: this.issuer,
          audience: this.issuer,
          clockTolerance: LEEWAY_SECONDS,
          requiredClaims: ["exp", "iat", "sub", "org"],
          currentDate: new Date(this.#clock.now()),
        },
      );
      return claimsOf(payload) ?? { refusal: "it has not the claims of one" };
    } catch (failure) {
      if (failure instanceof errors.JOSEError) return { refusal: refusalOf(failure) };
      throw failure;
    }
  }
}

function claimsOf({ sub, org, sid, permissions, exp }: JWTPayload): AccessClaims | undefined {
  if (typeof sub !== "string" || typeof org !== "string" || exp === undefined) return undefined;
  return {
    subject: sub,
    organizationId: org,
    signInId: typeof sid === "string" ? sid : undefined,
    permissions: Array.isArray(permissions) ? permissions.map(String) : undefined,
    expiresAt: exp * 1000,
  };
}
