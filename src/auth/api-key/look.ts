import { isWellFormed } from "../../model/api-key-form.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { AcrossTenants } from "../../model/ports/store.ts";
import type { CredentialLook } from "../credential-cache.ts";
import type { ApiKeyDigest } from "./digest.ts";
import { bearerOf } from "./principal.ts";

export interface ApiKeyLookOptions {
  readonly store: Pick<AcrossTenants, "apiKeyByHash">;
  readonly digest: ApiKeyDigest;
  readonly clock: Clock;
}

/** Looks API keys up (F23-F25). */
export function apiKeyLook({ store, digest, clock }: ApiKeyLookOptions): CredentialLook {
  const find = async (credential: string) => {
    const identity = await store.apiKeyByHash(digest(credential));
    if (identity === undefined) return { principal: undefined, refusal: "no such API key" };
    const { key } = identity;
    const usedKey = { id: key.id, lastUsedAt: key.lastUsedAt };
    const bearer = bearerOf(identity, clock.now());
    return "principal" in bearer
      ? { principal: bearer.principal, usedKey }
      : { principal: undefined, refusal: `${key.prefix}: ${bearer.refusal}`, usedKey };
  };
  return (credential) => (isWellFormed(credential) ? find(credential) : undefined);
}
