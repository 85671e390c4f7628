import type { Settings } from "../config/settings.ts";
import type { Log } from "../model/ports/log.ts";
import type { RotatingSealer } from "../model/ports/sealer.ts";
import type { OperatedStore } from "../model/ports/store.ts";
import { openStore } from "../storage/open.ts";

/** An embedded store migrates itself; PostgreSQL only where told to (`MCP_GATEWAY_MIGRATE=auto`). */
export async function openMigratedStore(
  settings: Settings,
  sealer: RotatingSealer,
  log: Log,
): Promise<OperatedStore> {
  const store = await openStore(settings.store, sealer);
  if (settings.store.migrates) {
    const applied = await store.migrateUp();
    if (applied.length > 0) log.info({ applied }, "store migrated");
  } else {
    const pending = (await store.migrations()).filter(({ appliedAt }) => appliedAt === null);
    if (pending.length > 0) {
      const names = pending.map(({ name }) => name).join(", ");
      throw new Error(
        `the store lacks migrations (${names}): run "mcp-gateway migrate up" or set MCP_GATEWAY_MIGRATE=auto`,
      );
    }
  }
  await store.maintain(Date.now());
  return store;
}
