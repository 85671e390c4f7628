import type { Settings } from "../config/settings.ts";
import type { Log } from "../model/ports/log.ts";
import type { RotatingSealer } from "../model/ports/sealer.ts";
import type { OperatedStore } from "../model/ports/store.ts";
import { holdStore, openStore } from "../storage/open.ts";

/**
 * An embedded store migrates itself; PostgreSQL only where told to (`MCP_GATEWAY_MIGRATE=auto`).
 * @throws GatewayError `conflict` where another process has the embedded store
 */
export async function openMigratedStore(
  settings: Settings,
  sealer: RotatingSealer,
  log: Log,
): Promise<OperatedStore> {
  const letGo = await holdStore(settings.store);
  let store: OperatedStore | undefined;
  try {
    store = await openStore(settings.store, sealer);
    await bringUpToDate(store, settings.store.migrates, log);
  } catch (thrown) {
    await store?.close();
    letGo();
    throw thrown;
  }
  return heldUntilClosed(store, letGo);
}

export function heldUntilClosed(store: OperatedStore, letGo: () => void): OperatedStore {
  return { ...store, close: () => store.close().finally(letGo) };
}

async function bringUpToDate(store: OperatedStore, migrates: boolean, log: Log): Promise<void> {
  const states = await store.migrations();
  const pending = states.filter(({ appliedAt }) => appliedAt === null).map(({ name }) => name);
  if (migrates) {
    // Of a store with many records this takes a while: half a minute for a million.
    if (pending.length > 0 && pending.length < states.length) log.info({ pending }, "store migrates");
    const applied = await store.migrateUp();
    if (applied.length > 0) log.info({ applied }, "store migrated");
  } else {
    if (pending.length > 0) {
      const names = pending.join(", ");
      throw new Error(
        `the store lacks migrations (${names}): run "mcp-gateway migrate up" or set MCP_GATEWAY_MIGRATE=auto`,
      );
    }
  }
  await store.maintain(Date.now());
}
