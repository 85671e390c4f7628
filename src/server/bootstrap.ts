import { writeFileSync } from "node:fs";
import { DEFAULT_NAMESPACE_ID, DEFAULT_ORGANIZATION_ID, DEFAULT_SLUG } from "../config/identity.ts";
import type { Settings } from "../config/settings.ts";
import type { Store } from "../model/ports/store.ts";
import { bootstrapKeyPath } from "./greeting.ts";

/** A new credential and what of it is stored. */
export interface MintedKey {
  readonly key: string;
  readonly prefix: string;
  readonly hash: string;
}

/**
 * First start on an empty store: organisation and namespace `default` and one platform administrator's key. Of several
 * processes exactly one does it.
 * @returns the key where it was made now. It is in a file of mode 0600 too, until somebody is known to have seen it.
 */
export async function bootstrap(
  store: Store,
  settings: Settings,
  mint: (preset: string | undefined) => MintedKey,
): Promise<string | undefined> {
  if ((await store.acrossTenants.organizations({ limit: 1 })).length > 0) return undefined;
  const preset = settings.secrets.bootstrapKey;
  const { key, prefix, hash } = mint(preset);
  const done = await store.bootstrap({
    organization: {
      id: DEFAULT_ORGANIZATION_ID,
      slug: DEFAULT_SLUG,
      name: "Default",
      // Whose installation it is may fill it; tenants made later share it by their own maximum.
      maxSessions: settings.limits.sessionsMax,
    },
    namespace: {
      id: DEFAULT_NAMESPACE_ID,
      organizationId: DEFAULT_ORGANIZATION_ID,
      slug: DEFAULT_SLUG,
      name: "Default",
    },
    apiKey: {
      id: Bun.randomUUIDv7(),
      organizationId: DEFAULT_ORGANIZATION_ID,
      namespaceId: null,
      userId: null,
      name: "bootstrap",
      type: "user",
      role: "admin",
      platformAdmin: true,
      permissions: ["*:*"],
      prefix,
      hash,
      expiresAt: null,
      createdBy: null,
    },
  });
  if (!done || preset !== undefined) return undefined;
  writeFileSync(bootstrapKeyPath(settings), `${key}\n`, { mode: 0o600 });
  return key;
}
