import { keptContent } from "../config/compile.ts";
import type { Settings } from "../config/settings.ts";
import type { Journal } from "../model/ports/journal.ts";
import type { Sealer } from "../model/ports/sealer.ts";
import { CallContents, type ContentRules } from "../policy/record/call-contents.ts";

/** What is kept of what is said in calls, by the settings in force. */
export function composeContents(settings: Settings, journal: Journal, sealer: Sealer): CallContents {
  const { masterKeys, bootstrapKey } = settings.secrets;
  const ownSecrets = [...masterKeys, bootstrapKey, settings.telemetry.operatorToken].filter(
    (secret) => secret !== undefined,
  );
  return new CallContents({ journal, sealer, ownSecrets }, contentRules(settings));
}

export function contentRules({ audit }: Pick<Settings, "audit">): ContentRules {
  return {
    level: keptContent(audit.content),
    bytesMax: audit.contentBytesMax,
    secretNames: audit.secretNames,
    secretPaths: audit.secretPaths,
  };
}
