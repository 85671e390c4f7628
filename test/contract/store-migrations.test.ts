import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { copiedTables } from "../../src/storage/copy.ts";
import { locationOf } from "../../src/storage/location.ts";
import { migrations } from "../../src/storage/migrations/migrations.ts";
import { openRecordSink, openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";
import { postgresDatabase } from "../servers/postgres.ts";
import { Chain, newKey, newServer, newSession, tenant } from "./store-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-migrations-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const sealer = createSealer([randomBytes(32)]);
const database = await postgresDatabase();
afterAll(() => database?.drop());
let files = 0;
const sqliteUrl = () => `sqlite:${join(folder, `${++files}.db`)}`;

async function tablesOf(url: string): Promise<string[]> {
  if (url.startsWith("sqlite:")) {
    const file = new Database(url.slice(7), { readonly: true });
    const rows = file.query("select name from sqlite_master where type = 'table'").all() as {
      name: string;
    }[];
    file.close();
    return rows.map(({ name }) => name).sort();
  }
  const sql = new SQL({ url, max: 1 });
  const rows: { name: string }[] = await sql.unsafe(
    "select relname as name from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and not relispartition",
  );
  await sql.close();
  return rows.map(({ name }) => name).sort();
}

function upAndDown(locate: () => string): void {
  test("up, down step by step to nothing, up again; of many that try at once one does it", async () => {
    const url = locate();
    const [store, other] = [
      await openStore(locationOf(url), sealer),
      await openStore(locationOf(url), sealer),
    ];
    expect((await store.migrations()).every(({ appliedAt }) => appliedAt === null)).toBe(true);
    const applied = await Promise.all([store.migrateUp(), other.migrateUp()]);
    expect(applied.flat()).toEqual(migrations.map(({ name }) => name));
    expect(await store.migrateUp()).toEqual([]);
    const states = await other.migrations();
    expect(states.every(({ appliedAt }) => Math.abs((appliedAt ?? 0) - Date.now()) < 60_000)).toBe(true);
    const full = await tablesOf(url);
    const known = [
      ...copiedTables.map(({ name }) => name),
      "idempotency_keys",
      "leases",
      "limit_processes",
      "limit_resets",
      "peers",
      "schema_migrations",
      "sign_in_failures",
    ].sort();
    expect(full).toEqual(known);
    for (const { name } of migrations.toReversed()) expect(await store.migrateDown()).toBe(name);
    expect(await store.migrateDown()).toBeUndefined();
    expect(await tablesOf(url)).toEqual(["schema_migrations"]);
    await store.migrateUp();
    expect(await tablesOf(url)).toEqual(full);
    await tenant(store);
    await store.close();
    await other.close();
  });
}

describe("migrations on SQLite", () => upAndDown(sqliteUrl));
if (database) describe("migrations on PostgreSQL", () => upAndDown(() => database.url));

describe("copy", () => {
  const filled = async () => {
    const location = locationOf(sqliteUrl());
    const store = await openStore(location, sealer);
    await store.migrateUp();
    const t = await tenant(store);
    await store.organizations.update(t.organizationId, { maxSessions: 2_000 });
    for (let n = 0; n < 1_100; n++)
      await store.sessions.create(newSession(t, { subscriptions: ["file:///a"] }));
    const secrets = { auth: { header: "Authorization", value: "x" } };
    const server = await store.servers.create(newServer(t, "github", { secrets, metadata: { a: [1] } }));
    const key = await store.apiKeys.create(newKey(t.organizationId, { expiresAt: 1_999_999_999_123 }));
    await store.settings.secret("pepper", () => "p");
    const sink = await openRecordSink(location);
    const chain = new Chain();
    const call = chain.call(t);
    const end = chain.end(call);
    await sink.write([
      { ...call, end: end.end, endLink: end.link },
      chain.content(call, "arguments"),
      chain.audit(t.organizationId),
      chain.checkpoint(),
    ]);
    await sink.close?.();
    return { store, t, server, key, chain };
  };

  const copiesTo = async (target: string) => {
    const { store, t, server, key, chain } = await filled();
    const done: string[] = [];
    await store.copyTo(target, ({ table, tableDone }) => tableDone && done.push(table));
    expect(done).toEqual(copiedTables.map(({ name }) => name));
    const copy = await openStore(locationOf(target), sealer);
    const { organizationId } = t;
    expect(await copy.servers.find(organizationId, server.id)).toEqual(server);
    expect(await copy.apiKeys.find(organizationId, key.id)).toEqual(key);
    expect(await copy.settings.secret("pepper", () => "other")).toBe("p");
    expect(await copy.versions()).toEqual(await store.versions());
    expect(await copy.sessions.list(organizationId, { limit: 1_000 })).toEqual(
      await store.sessions.list(organizationId, { limit: 1_000 }),
    );
    expect(await copy.records.chain(chain.chainId, 0, 10)).toEqual(
      await store.records.chain(chain.chainId, 0, 10),
    );
    expect(await copy.records.heads()).toEqual(await store.records.heads());
    const refused = await store.copyTo(target).catch((failure) => failure.code);
    expect(refused).toBe("conflict");
    await store.close();
    await copy.close();
  };

  test("an embedded store to another, whole; a filled target is refused", () => copiesTo(sqliteUrl()));

  if (database) {
    test("an embedded store to PostgreSQL, whole; a filled target is refused", async () => {
      const target = await postgresDatabase();
      if (target === undefined) throw new Error("PostgreSQL went away");
      await copiesTo(target.url);
      await target.drop();
    });
  }
});
