import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "../config/settings.ts";
import { placeOf } from "../config/store-place.ts";
import type { LocalActs } from "../server/operated-store.ts";
import { AdminSocket } from "./admin-socket.ts";
import { CommandError, note } from "./terminal.ts";

/** What commands do to a gateway's data, whether a running gateway does it for them or they do it themselves. */
export interface Operation extends Omit<LocalActs, "close"> {
  /** Whose data it is, for people. */
  readonly place: string;
}

/** What an act does where there is no store yet: the first administrator may come before the first start. */
export type Beginning = "makes the store" | "needs a store";

/**
 * Runs an act through the gateway that runs on this data directory; where none does, on the store itself. The embedded
 * store has one owner, so that going past a running gateway is not possible.
 * @throws CommandError where there is no store and the act needs one
 */
export async function withOperation<T>(
  settings: Settings,
  act: (operation: Operation) => Promise<T>,
  beginning: Beginning = "makes the store",
): Promise<T> {
  const socket = await AdminSocket.connect(settings.adminSocketPath);
  if (socket) {
    const { store } = await socket.status();
    refuseOtherStore(settings, store);
    const { administrators, keys } = socket;
    const place = `the gateway that runs on ${settings.dataDir} (${String(store)})`;
    return act({ keys, administrators, reseal: () => socket.reseal(), place });
  }
  if (beginning === "needs a store") requireStore(settings);
  const isNew = !hasStore(settings);
  const { openLocalActs } = await import("../server/operated-store.ts");
  const acts = await openLocalActs(settings);
  if (isNew) note(`note: no gateway runs on ${settings.dataDir}, so a new store was made there`);
  try {
    return await act({ ...acts, place: placeOf(settings.store) });
  } finally {
    await acts.close();
  }
}

/** PostgreSQL says by itself what is not there. */
function hasStore({ store }: Settings): boolean {
  return store.kind !== "sqlite" || existsSync(store.path);
}

/** A command that only looks, or changes what must be there, makes no store where somebody named the wrong place. @throws CommandError */
export function requireStore(settings: Settings): void {
  if (hasStore(settings)) return;
  throw new CommandError(
    `there is no store in ${placeOf(settings.store)}, and no gateway runs on ${settings.dataDir}; ` +
      "where the gateway runs with --data-dir or --config, give this command the same",
  );
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
