import type { Store } from "../model/ports/store.ts";

const DAY_MS = 86_400_000;
/** Whoever removed the organisation has removed its own wish too; the default of new ones holds. */
const REMOVED_RETENTION_DAYS = 7;
/** In one statement: others wait for its rows. */
const BATCH = 1_000;
const PAGE = 1_000;

/**
 * Deletes the content of log records older than their organisation keeps them (`log_retention_days`), and of those that
 * belong to none, older than `ownMs` (0 keeps them); the links of the chain stay, so that the rest can be verified. Ends
 * early where `isWanted` says so. Returns how many were emptied.
 */
export async function expireRecords(
  store: Pick<Store, "acrossTenants" | "records">,
  now: number,
  ownMs: number,
  isWanted: () => boolean,
): Promise<number> {
  let count = 0;
  const expire = async (organizationId: string | null, keptMs: number): Promise<void> => {
    const before = now - keptMs;
    while (isWanted()) {
      const emptied = await store.records.expirePayloads(organizationId, before, BATCH);
      count += emptied;
      if (emptied < BATCH) return;
    }
  };
  let after: string | undefined;
  do {
    const page = await store.acrossTenants.organizations({ limit: PAGE, after });
    for (const { id, logRetentionDays } of page) await expire(id, logRetentionDays * DAY_MS);
    after = page.length < PAGE ? undefined : page.at(-1)?.id;
  } while (after !== undefined && isWanted());
  for (const id of await store.acrossTenants.organizationsRemoved())
    await expire(id, REMOVED_RETENTION_DAYS * DAY_MS);
  if (ownMs > 0) await expire(null, ownMs);
  return count;
}
