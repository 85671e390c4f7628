import { displayPrefix, newCredential } from "../auth/api-key/credential.ts";
import { loadApiKeyDigest } from "../auth/api-key/digest.ts";
import type { Settings } from "../config/settings.ts";
import type { Log } from "../model/ports/log.ts";
import { createSealer } from "../storage/sealing.ts";
import { bootstrap } from "./bootstrap.ts";
import { openDataDir } from "./data-dir.ts";
import { masterKeysOf } from "./master-keys.ts";
import { openMigratedStore } from "./open-store.ts";

/**
 * What is done once before several workers begin: data directory, master key, schema, first organisation.
 * @returns the first administrator's key, where it was made now.
 */
export async function prepareFirstStart(settings: Settings, log: Log): Promise<string | undefined> {
  openDataDir(settings.dataDir);
  const store = await openMigratedStore(settings, createSealer(masterKeysOf(settings)), log);
  try {
    const digest = await loadApiKeyDigest(store.settings);
    const mint = (key = newCredential()) => ({ key, prefix: displayPrefix(key), hash: digest(key) });
    return await bootstrap(store, settings, mint);
  } finally {
    await store.close();
  }
}
