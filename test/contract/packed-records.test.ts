import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DrainedRecord } from "../../src/model/ports/record-sink.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { locationOf } from "../../src/storage/location.ts";
import { openRecordSink, openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";
import { postgresDatabase } from "../servers/postgres.ts";
import { Chain, type Tenant, tenant } from "./store-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-packed-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const sealer = createSealer([randomBytes(32)]);
const DAY_MS = 86_400_000;
let files = 0;
const fileUrl = (): string => `sqlite:${join(folder, `${++files}.db`)}`;

async function migrated(url: string): Promise<OperatedStore> {
  const store = await openStore(locationOf(url), sealer);
  await store.migrateUp();
  return store;
}

/** Every state a call's record may be in, in two chains. */
async function fill(store: OperatedStore, url: string) {
  const t = await tenant(store);
  const [chain, later] = [new Chain(), new Chain()];
  const sink = await openRecordSink(locationOf(url));
  const merged = (call: ReturnType<Chain["call"]>): DrainedRecord => {
    const { end, link: endLink } = chain.end(call);
    return { ...call, end, endLink };
  };
  const old = Date.now() - 3 * DAY_MS;
  const [apart, elsewhere, running, distant] = [chain.call(t), chain.call(t), chain.call(t), chain.call(t)];
  const foreign = { ...chain.call(t), link: chain.link("", "call_intent") };
  const refused = chain.call(t);
  const refusal: DrainedRecord = {
    ...refused,
    call: {
      ...refused.call,
      namespaceId: "",
      serverId: undefined,
      clientName: 'quo"ted ⚙ \u0001',
      target: "x'y",
    },
    link: chain.link(t.organizationId, "call_refused"),
    end: { status: "error", errorCode: "forbidden", durationMs: 0.001, resultBytes: 0 },
  };
  await sink.write([
    ...Array.from({ length: 40 }, () => merged(chain.call(t))),
    ...[apart, elsewhere, running, distant, foreign, refusal],
    ...[
      merged(chain.call(t, old)),
      chain.call(t, old),
      { ...refusal, ...chain.call(t, old), end: refusal.end },
    ],
  ]);
  await sink.write([chain.end(apart), later.end(elsewhere)]);
  for (let n = 0; n < 2_100; n++) chain.link("", "admin");
  await sink.write([{ ...distant, ...((end) => ({ end: end.end, endLink: end.link }))(chain.end(distant)) }]);
  await sink.close?.();
  await store.records.expirePayloads(t.organizationId, Date.now() - DAY_MS, 100);
  return { t, chains: [chain.chainId, later.chainId] };
}

async function seen(store: OperatedStore, t: Tenant, chains: readonly string[]): Promise<unknown> {
  const chainRecords = [];
  for (const chainId of chains) {
    for (const limit of [1_000, 7]) {
      for (let after = 0; ; ) {
        const page = await store.records.chain(chainId, after, limit);
        chainRecords.push(...page);
        after = page.at(-1)?.link.sequence ?? 0;
        if (after === 0) break;
      }
    }
  }
  const { records } = store;
  const byId = (items: { id: string }[]) => items.map(({ id }) => id);
  const all = await records.requests(t.organizationId, { limit: 1_000 });
  return {
    all,
    one: await records.request(t.organizationId, all[3]?.id ?? ""),
    ofNamespace: byId(await records.requests(t.organizationId, { namespaceId: t.namespaceId, limit: 1_000 })),
    running: byId(await records.requests(t.organizationId, {}, { status: "running" })),
    refused: byId(await records.requests(t.organizationId, {}, { errorCode: "forbidden", target: "x'y" })),
    byServer: byId(await records.requests(t.organizationId, {}, { server: "github", status: "ok" })),
    tallies: new Set(
      (await records.tallies(t.organizationId, 0, Date.now() + DAY_MS)).map((row) =>
        JSON.stringify({ ...row, durationMsMean: row.durationMsMean?.toFixed(6) }),
      ),
    ),
    removed: await store.acrossTenants.organizationsRemoved(),
    chainRecords,
  };
}

const database = await postgresDatabase();
afterAll(() => database?.drop());

test("down to the wide table and up again, every record is what it was", async () => {
  const url = fileUrl();
  const store = await migrated(url);
  const { t, chains } = await fill(store, url);
  const before = await seen(store, t, chains);
  expect(before).toMatchObject({ all: { length: 48 }, removed: [] });
  while ((await store.migrateDown()) !== "0020-packed-records");
  const file = new Database(url.slice(7), { readonly: true });
  const wide = file.query("select link, salt, end_link, status, method from request_logs").all() as Record<
    string,
    string | null
  >[];
  file.close();
  for (const { link, end_link: endLink } of wide) {
    expect(link).toMatch(/^\d{13} \S* call_(intent|refused) [0-9a-f]{64} [0-9a-f]{64} [0-9a-f]{64}$/);
    if (endLink !== null)
      expect(endLink).toMatch(/^\d{13} \S+ call_outcome [0-9a-f]{64} [0-9a-f]{64} [0-9a-f]{64}$/);
  }
  expect(wide.filter(({ salt }) => salt === null)).toHaveLength(3);
  await store.migrateUp();
  expect(await seen(store, t, chains)).toEqual(before);
  await store.close();
});

test.skipIf(database === undefined)("from file to server to file, every record is what it was", async () => {
  const [first, last] = [fileUrl(), fileUrl()];
  const server = database?.url ?? "";
  const store = await migrated(first);
  const { t, chains } = await fill(store, first);
  const before = await seen(store, t, chains);
  await store.copyTo(server, () => {});
  const copy = await migrated(server);
  expect(await seen(copy, t, chains)).toEqual(before);
  await copy.copyTo(last, () => {});
  const back = await migrated(last);
  expect(await seen(back, t, chains)).toEqual(before);
  for (const opened of [store, copy, back]) await opened.close();
});

test("the lists of an organisation go by its index, a chain by its own, and no sort", async () => {
  const url = fileUrl();
  await (await migrated(url)).close();
  const file = new Database(url.slice(7), { readonly: true });
  const plan = (where: string): string =>
    (
      file.query(`explain query plan select id from request_calls where ${where}`).all() as {
        detail: string;
      }[]
    )
      .map(({ detail }) => detail)
      .join();
  expect(
    plan("organization_id = 'a' and started_at >= 1 and method = 'x' order by started_at desc, id desc"),
  ).toBe("SEARCH request_logs USING INDEX request_logs_by_organization (organization_id=? AND started_at>?)");
  expect(plan("organization_id is 'a' and started_at = 1 and id = 'x' and status is null")).toContain(
    "request_logs_by_organization (organization_id=? AND started_at=? AND id=?)",
  );
  expect(plan("chain_id = 'a' and chain_seq > 1 order by chain_seq")).toContain("request_logs_by_chain");
  expect(plan("end_chain_id = 'a' and end_chain_seq > 1 order by end_chain_seq")).toContain(
    "request_logs_by_end",
  );
  file.close();
});
