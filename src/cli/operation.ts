import type { KeyAdministration } from "../admin/api-keys/key-administration.ts";
import type { AdministratorAccounts } from "../admin/users/administrator.ts";
import type { Settings } from "../config/settings.ts";
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
  if (socket)
    return act({ keys: socket.keys, administrators: socket.administrators, reseal: () => socket.reseal() });
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

/** @throws CommandError where a gateway has the embedded store open */
export async function refuseWhileRunning(settings: Settings): Promise<void> {
  if (settings.store.kind !== "sqlite") return;
  if (await AdminSocket.connect(settings.adminSocketPath))
    throw new CommandError(`a gateway is running on ${settings.dataDir}; stop it first`);
}
