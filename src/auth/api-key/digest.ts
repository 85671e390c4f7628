import { createHmac, randomBytes } from "node:crypto";
import type { Settings } from "../../model/ports/store.ts";

/** Credential to the `hash` column of its key. */
export type ApiKeyDigest = (credential: string) => string;

const SETTING = "api_key_pepper";

/**
 * The installation's digest: HMAC-SHA-256, base64url, under a random key that the store keeps sealed by the master key.
 * A copy of the database alone lets nobody test keys or slip one in, and a change of the master key changes no digest.
 */
export async function loadApiKeyDigest(settings: Pick<Settings, "secret">): Promise<ApiKeyDigest> {
  const pepper = await settings.secret(SETTING, () => randomBytes(32).toString("base64url"));
  return (credential) => createHmac("sha256", pepper).update(credential).digest("base64url");
}
