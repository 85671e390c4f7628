import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locationOf } from "../../src/storage/location.ts";
import { openRecordSink, openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";
import { postgresDatabase } from "../servers/postgres.ts";
import { Chain, tenant } from "./store-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-events-"));
const database = await postgresDatabase();
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database?.drop();
});
/** Past one step of the migration. */
const MANY = 20_500;

async function filled(url: string): Promise<void> {
  const location = locationOf(url);
  const store = await openStore(location, createSealer([randomBytes(32)]));
  await store.migrateUp();
  const [here, there] = [await tenant(store), await tenant(store)];
  const sink = await openRecordSink(location);
  const chain = new Chain();
  const details = [
    { outcome: "ok", after: { note: 'a "quoted" \\ and \u0000' }, actor_name: "mgw_abc" },
    { outcome: "forbidden", actor_name: "mgw_abc" },
    { outcome: "internal" },
    { records: 3 },
  ];
  for (let n = 0; n < MANY; n += 500) {
    const many = Array.from({ length: 500 }, () => chain.audit(there.organizationId, '{"outcome":"ok"}'));
    await sink.write(many);
  }
  await sink.write(details.map((detail) => chain.audit(here.organizationId, JSON.stringify(detail))));
  const seen = async () => ({
    records: await store.records.chain(chain.chainId, MANY, 10),
    ok: (await store.records.audits(here.organizationId, {}, { status: "ok" })).length,
    refused: (await store.records.audits(here.organizationId, {}, { errorCode: "forbidden" })).length,
    failed: (await store.records.audits(here.organizationId, {}, { status: "error" })).length,
    named: (await store.records.audits(here.organizationId, {}, { actorName: "mgw_abc" })).length,
    others: (await store.records.audits(there.organizationId, { limit: 1_000 }, { status: "ok" })).length,
  });
  const before = await seen();
  expect(before).toMatchObject({ ok: 1, refused: 1, failed: 1, named: 2, others: 1_000 });
  while ((await store.migrateDown()) !== "0021-events");
  await store.migrateUp();
  expect(await seen()).toEqual(before);
  await sink.close?.();
  await store.close();
}

test("events recorded before are found by how they ended: a file", () =>
  filled(`sqlite:${join(folder, "events.db")}`));
test.skipIf(database === undefined)("events recorded before are found by how they ended: a server", () =>
  filled(database?.url ?? ""),
);

test("a list of events goes by its index from wherever it begins, and sorts nothing", async () => {
  const path = join(folder, "plan.db");
  const store = await openStore(locationOf(`sqlite:${path}`), createSealer([randomBytes(32)]));
  await store.migrateUp();
  await store.close();
  const file = new Database(path, { readonly: true });
  const plan = (where: string) =>
    file
      .query<{ detail: string }, []>(
        `explain query plan select * from audit_logs where ${where}
          order by logged_at desc, chain_id desc, chain_seq desc`,
      )
      .all()
      .map(({ detail }) => detail)
      .join();
  const index = "SEARCH audit_logs USING INDEX audit_logs_by_place";
  const after = "(logged_at, chain_id, chain_seq) < (2, 'c', 3)";
  expect(plan(`organization_id = 'a' and ${after} and status = 'refused'`)).toBe(
    `${index} (organization_id=? AND (logged_at,chain_id,chain_seq)<(?,?,?))`,
  );
  expect(plan("organization_id is null and logged_at >= 1")).toBe(
    `${index} (organization_id=? AND logged_at>?)`,
  );
  file.close();
});
