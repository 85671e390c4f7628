import { randomBytes } from "node:crypto";
import { type KeyAdministration, keyAdministration } from "../admin/api-keys/key-administration.ts";
import type { CommandedChange } from "../admin/commanded-change.ts";
import { type AdministratorAccounts, administratorAccounts } from "../admin/users/administrator.ts";
import { displayPrefix, newCredential } from "../auth/api-key/credential.ts";
import { loadApiKeyDigest } from "../auth/api-key/digest.ts";
import { newPassword, Passwords } from "../auth/user/password.ts";
import { ConfigError } from "../config/problem.ts";
import type { Settings } from "../config/settings.ts";
import { systemClock } from "../model/ports/clock.ts";
import type { OperatedStore } from "../model/ports/store.ts";
import { holdStore, openStore } from "../storage/open.ts";
import { createSealer } from "../storage/sealing.ts";
import { bootstrap } from "./bootstrap.ts";
import { openDataDir } from "./data-dir.ts";
import { commanded, resealed } from "./events.ts";
import { CommandJournal } from "./journal.ts";
import { masterKeysOf } from "./master-keys.ts";
import { heldUntilClosed } from "./open-store.ts";

/**
 * The second composition root: what commands need where no gateway runs, without loading one. The store is opened and,
 * where it migrates itself, brought up to date.
 * @throws ConfigError where a master key is needed and none is configured
 * @throws GatewayError `conflict` where another process has the embedded store
 */
export async function openOperatedStore(
  settings: Settings,
  options: { readonly migrates?: boolean; readonly usesSecrets?: boolean; readonly onlyReads?: boolean } = {},
): Promise<OperatedStore> {
  if (options.usesSecrets !== false) requireMasterKey(settings);
  openDataDir(settings.dataDir);
  // Whoever only reads does not disturb a running gateway.
  const letGo = options.onlyReads === true ? () => {} : await holdStore(settings.store);
  try {
    return heldUntilClosed(await openUnheld(settings, options), letGo);
  } catch (thrown) {
    letGo();
    throw thrown;
  }
}

async function openUnheld(
  settings: Settings,
  options: { readonly migrates?: boolean; readonly usesSecrets?: boolean },
): Promise<OperatedStore> {
  // Migrations read no secret, so that a job that only migrates needs no master key.
  const masterKeys = options.usesSecrets === false ? [randomBytes(32)] : masterKeysOf(settings);
  const store = await openStore(settings.store, createSealer(masterKeys));
  if (options.migrates !== false && settings.store.migrates) await store.migrateUp();
  return store;
}

/** What commands do where no gateway runs. */
export interface LocalActs {
  readonly keys: KeyAdministration;
  readonly administrators: AdministratorAccounts;
  readonly reseal: () => Promise<{ readonly resealed: number; readonly unreadable: number }>;
  readonly close: () => Promise<void>;
}

/**
 * The acts on keys and administrators' accounts, on the store itself and into the record. An empty store gets its first
 * organisation as at a first start.
 */
export async function openLocalActs(settings: Settings): Promise<LocalActs> {
  const store = await openOperatedStore(settings);
  const passwords = new Passwords();
  const journal = new CommandJournal(settings);
  const onChange = (change: CommandedChange) => journal.event(commanded(change));
  try {
    const digest = await loadApiKeyDigest(store.settings);
    const mint = (key = newCredential()) => ({ key, prefix: displayPrefix(key), hash: digest(key) });
    await bootstrap(store, settings, mint);
    return {
      keys: keyAdministration({ store, mint: () => mint(), clock: systemClock, actor: "cli", onChange }),
      administrators: administratorAccounts({
        store,
        clock: systemClock,
        newPassword,
        hash: (password) => passwords.hash(password),
        onChange,
      }),
      reseal: async () => {
        const report = await store.rotateKeys();
        await journal.event(resealed(report));
        return report;
      },
      close: () => journal.close().finally(() => store.close()),
    };
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/** Production generates none. @throws ConfigError */
function requireMasterKey({ mode, secrets }: Settings): void {
  if (secrets.masterKeys.length > 0 || mode !== "production") return;
  throw new ConfigError([
    {
      source: { kind: "unset" },
      key: "master_key",
      found: `no master key, and none in ${secrets.generatedKeyPath}`,
      expected: "the key the gateway runs with, in MCP_GATEWAY_MASTER_KEY or MCP_GATEWAY_MASTER_KEY_FILE",
      fix: "where the gateway runs with --data-dir or --config, give this command the same",
    },
  ]);
}
