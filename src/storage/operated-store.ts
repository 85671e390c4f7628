import type { RotatingSealer } from "../model/ports/sealer.ts";
import type { OperatedStore } from "../model/ports/store.ts";
import { copyStore } from "./copy.ts";
import type { Engine } from "./engine.ts";
import { locationOf, type StoreLocation } from "./location.ts";
import { migrateDown, migrateUp, migrationStates } from "./migrate.ts";
import { resealAll } from "./rotation.ts";
import { openSqlite } from "./sqlite/engine.ts";
import { createStore } from "./store.ts";

/** PostgreSQL's half is loaded only where it is used. */
async function openEngine(location: StoreLocation): Promise<Engine> {
  if (location.kind === "sqlite") return openSqlite(location);
  const { openPostgres } = await import("./postgres/engine.ts");
  return openPostgres(location);
}

/** See `openStore`. */
export async function openOperatedStore(
  location: StoreLocation,
  sealer: RotatingSealer,
): Promise<OperatedStore> {
  const engine = await openEngine(location);
  /** Migrations outlast the time a query may take; on PostgreSQL they get connections without that limit. */
  const patiently = async <T>(act: (engine: Engine) => Promise<T>): Promise<T> => {
    if (location.kind === "sqlite") return act(engine);
    const patient = await openEngine(locationOf(location.url));
    try {
      return await act(patient);
    } finally {
      await patient.close();
    }
  };
  return {
    ...createStore(engine, sealer),
    migrations: () => migrationStates(engine),
    migrateUp: async () => {
      const states = await migrationStates(engine);
      return states.every(({ appliedAt }) => appliedAt !== null) ? [] : patiently(migrateUp);
    },
    migrateDown: () => patiently(migrateDown),
    copyTo: async (url, onProgress) => {
      const target = await openEngine(locationOf(url));
      try {
        await migrateUp(target);
        await patiently((source) => copyStore(source, target, onProgress));
      } finally {
        await target.close();
      }
    },
    rotateKeys: () => patiently(({ db }) => resealAll(db, sealer)),
  };
}
