import { join } from "node:path";
import type { KeyAdministration } from "../admin/api-keys/key-administration.ts";
import type { AdministratorAccounts } from "../admin/users/administrator.ts";
import type { Settings } from "../config/settings.ts";
import { placeOf } from "../config/store-place.ts";
import { AdminSocket } from "./admin-socket.ts";
import { CommandError } from "./terminal.ts";

/** What commands do to a gateway's data, whether a running gateway does it for them or they do it themselves. */
export interface Operation {
  readonly keys: KeyAdministration;
  readonly administrators: AdministratorAccounts;
  readonly reseal: () => Promise<{ readonly resealed: number; readonly unreadable: number }>;
}

/**
 * Runs an act through the gateway that runs on this data directory; where none does, on the store itself. The embedded
 * store has one owner, so that going past a running gateway is not possible.
 */
export async function withOperation<T>(
  settings: Settings,
  act: (operation: Operation) => Promise<T>,
): Promise<T> {
  const socket = await AdminSocket.connect(settings.adminSocketPath);
  if (socket) {
    refuseOtherStore(settings, (await socket.status()).store);
    return act({ keys: socket.keys, administrators: socket.administrators, reseal: () => socket.reseal() });
  }
  const { openOperatedStore, localAdministrators, localKeys } = await import("../server/operated-store.ts");
  const store = await openOperatedStore(settings);
  try {
    return await act({
      keys: await localKeys(store, settings),
      administrators: localAdministrators(store),
      reseal: () => store.rotateKeys(),
    });
  } finally {
    await store.close();
  }
}

/**
 * A command that is told nothing of a store means the gateway's, whatever that is; one that is told another must not act on it.
 * @throws CommandError that names both
 */
function refuseOtherStore({ store, dataDir }: Settings, running: unknown): void {
  const isTold = store.kind !== "sqlite" || store.path !== join(dataDir, "gateway.db");
  const place = placeOf(store);
  if (!isTold || running === place) return;
  throw new CommandError(
    `the gateway that runs on ${dataDir} keeps its data in ${String(running)}, and this command was told ${place} (store.url, DATABASE_URL); ` +
      "leave that out to act through the gateway, or name another --data-dir to act on that store",
  );
}

/** @throws CommandError where a gateway has the embedded store open */
export async function refuseWhileRunning(settings: Settings): Promise<void> {
  if (settings.store.kind !== "sqlite") return;
  if (await AdminSocket.connect(settings.adminSocketPath))
    throw new CommandError(`a gateway is running on ${settings.dataDir}; stop it first`);
}
