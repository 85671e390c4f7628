import { masterKeyBytes } from "../config/master-key.ts";
import type { Settings } from "../config/settings.ts";
import { generatedMasterKey } from "./data-dir.ts";

/** The master keys in bytes; development's is made where there is none. */
export function masterKeysOf(settings: Settings): readonly Uint8Array[] {
  const { masterKeys, generatedKeyPath } = settings.secrets;
  const keys = masterKeys.length > 0 ? masterKeys : [generatedMasterKey(generatedKeyPath)];
  return keys.map((key) => masterKeyBytes(key) as Uint8Array);
}
