import { isWellFormed } from "../../model/api-key-form.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { AcrossTenants } from "../../model/ports/store.ts";
import type { CredentialLook } from "../credential-cache.ts";
import type { ApiKeyDigest } from "./digest.ts";
import { principalOf } from "./principal.ts";

export interface ApiKeyLookOptions {
  readonly store: Pick<AcrossTenants, "apiKeyByHash">;
  readonly digest: ApiKeyDigest;
  readonly clock: Clock;
}

/** Looks API keys up (F23-F25). */
export function apiKeyLook({ store, digest, clock }: ApiKeyLookOptions): CredentialLook {
  const find = async (credential: string) => {
    const identity = await store.apiKeyByHash(digest(credential));
    const key = identity?.key;
    return {
      principal: identity && principalOf(identity, clock.now()),
      usedKey: key && { id: key.id, lastUsedAt: key.lastUsedAt },
    };
  };
  return (credential) => (isWellFormed(credential) ? find(credential) : undefined);
}
