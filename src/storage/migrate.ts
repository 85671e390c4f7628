import { type Kysely, sql } from "kysely";
import type { MigrationState } from "../model/ports/store.ts";
import type { Engine } from "./engine.ts";
import { migrations } from "./migrations/migrations.ts";
import type { Schema } from "./schema.ts";

/** Names applied, with their times in milliseconds. */
async function applied(db: Kysely<Schema>, kind: Engine["kind"]): Promise<ReadonlyMap<string, number>> {
  const table =
    kind === "sqlite"
      ? sql`select name from sqlite_master where name = 'schema_migrations'`
      : sql`select 1 as name where to_regclass('schema_migrations') is not null`;
  if ((await table.execute(db)).rows.length === 0) return new Map();
  const { rows } = await sql<{
    name: string;
    appliedAt: number;
  }>`select name, applied_at from schema_migrations`.execute(db);
  return new Map(rows.map((row) => [row.name, row.appliedAt]));
}

/** Every known step, and whether it was applied. */
export async function migrationStates({ db, kind }: Engine): Promise<MigrationState[]> {
  const done = await applied(db, kind);
  return migrations.map(({ name }) => ({ name, appliedAt: done.get(name) ?? null }));
}

/** Applies all that is pending in one transaction, under a lock: of many processes one does it and the others find it done. */
export async function migrateUp(engine: Engine): Promise<string[]> {
  // Looked at first without the lock: at nearly every start nothing is pending.
  if ((await migrationStates(engine)).every(({ appliedAt }) => appliedAt !== null)) return [];
  return engine.db.transaction().execute(async (transaction) => {
    await engine.lockMigrations(transaction);
    const { text, time, tableEnd } = engine.columns;
    await sql`create table if not exists schema_migrations (
      name ${text} primary key, applied_at ${time} not null) ${tableEnd}`.execute(transaction);
    const done = await applied(transaction, engine.kind);
    const names: string[] = [];
    for (const migration of migrations) {
      if (done.has(migration.name)) continue;
      await migration.up(transaction, engine.columns);
      await sql`insert into schema_migrations (name, applied_at) values (${migration.name}, ${new Date()})`.execute(
        transaction,
      );
      names.push(migration.name);
    }
    return names;
  });
}

/** Takes back the newest step. Data that only its tables hold is lost. */
export function migrateDown(engine: Engine): Promise<string | undefined> {
  return engine.db.transaction().execute(async (transaction) => {
    await engine.lockMigrations(transaction);
    const done = await applied(transaction, engine.kind);
    const newest = migrations.findLast(({ name }) => done.has(name));
    if (newest === undefined) return undefined;
    await newest.down(transaction, engine.columns);
    await sql`delete from schema_migrations where name = ${newest.name}`.execute(transaction);
    return newest.name;
  });
}
