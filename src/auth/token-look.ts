import { decodeJwt } from "jose";
import type { CredentialLook, Finding } from "./credential-cache.ts";
import { quoted } from "./jwt/refusal.ts";

type TokenLook = (token: string) => Promise<Finding>;

/** Three parts of base64url: anything else is no JWT and costs nothing. */
const JWT = /^[A-Za-z0-9_-]{10,2048}\.[A-Za-z0-9_-]{10,16384}\.[A-Za-z0-9_-]{10,2048}$/;

/** Hands a JWT to whoever issued it, as it says itself; the look-up then proves it. One of an unknown issuer is none. */
export function tokenLook(byIssuer: ReadonlyMap<string, TokenLook>): CredentialLook {
  return (token) => {
    if (!JWT.test(token)) return undefined;
    const issuer = issuerOf(token);
    const look = issuer === undefined ? undefined : byIssuer.get(issuer);
    if (look !== undefined) return look(token);
    const refusal = `its issuer is ${quoted(issuer)}, none of ${[...byIssuer.keys()].join(", ")}`;
    return Promise.resolve({ principal: undefined, refusal, isForgettable: true });
  };
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** The first look-up that takes a credential for one of its kind. */
export function eitherLook(...looks: readonly CredentialLook[]): CredentialLook {
  return (credential) => {
    for (const look of looks) {
      const found = look(credential);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}
