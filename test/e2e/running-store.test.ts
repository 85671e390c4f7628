import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";

const TIMEOUT_MS = 30_000;
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway({
    anonymous: false,
    servers: [{ name: "away", type: "streamable-http", connection: { url: "http://127.0.0.1:1/mcp" } }],
  });
}, TIMEOUT_MS);
afterAll(() => gateway?.stop(), TIMEOUT_MS);

test("migrate status is told beside a running gateway; migrate up asks to stop it first", async () => {
  expect(JSON.parse(await gateway.run("migrate", "status", "--json"))).toMatchObject({ pending: 0 });
  expect(await gateway.run("migrate", "up").catch(String)).toContain("a gateway is running");
});

test("a second gateway on an embedded store does not start, and leaves the first its command line", async () => {
  const second = await startGateway({
    anonymous: false,
    servers: [],
    environment: { MCP_GATEWAY_DATA_DIR: join(gateway.folder, "data") },
  }).catch(String);
  expect(second).toContain("another gateway, or a command, is using");
  expect(await gateway.run("keys", "list")).toContain("bootstrap");
  expect(await gateway.run("migrate", "up").catch(String)).toContain("a gateway is running");
});

test("a command that is told another store than the running gateway's does nothing, and names both", async () => {
  const own = `sqlite:${join(gateway.folder, "data/gateway.db")}`;
  const elsewhere = "postgres://someone:secret@db.example.com/keys";
  const refused = await gateway.runWith({ DATABASE_URL: elsewhere }, "keys", "list").catch(String);
  expect(refused).toContain(own);
  expect(refused).toContain("postgres://db.example.com:5432/keys");
  expect(refused).not.toContain("secret");
  expect(await gateway.runWith({ DATABASE_URL: own }, "keys", "list")).toContain("bootstrap");
});

test("a store is free again once its gateway was killed", async () => {
  const killed = await startGateway({ anonymous: false, servers: [] });
  killed.child.kill("SIGKILL");
  await killed.child.exited;
  expect(await killed.run("keys", "list")).toContain("bootstrap");
  await killed.stop();
});

test(
  "audit verify --store proves the store's records beside a running gateway, and finds one that was changed",
  async () => {
    const rows = () => gateway.run("audit", "verify", "--store", "--json").then(JSON.parse);
    await gateway.mintKey("--name", "laptop");
    await eventually(
      "the new key's record is in the store, and signed",
      async () => {
        const report = await rows();
        expect(report.problems).toEqual([]);
        return report.checkpoints > 0 && report.records >= 3 ? true : undefined;
      },
      { timeoutMs: 20_000 },
    );
    using database = new Database(join(gateway.folder, "data/gateway.db"));
    const { changes } = database.run(
      "update audit_logs set action = 'key.looked_at' where chain_seq = (select min(chain_seq) from audit_logs where organization_id is not null)",
    );
    expect(changes).toBe(1);
    expect(await gateway.run("audit", "verify", "--store").catch(String)).toContain(
      "Not verified: 1 problem in",
    );
    expect(await gateway.run("audit", "verify")).toStartWith("Verified");
  },
  TIMEOUT_MS,
);

test("what is not ready is told to operators in the words and forms of the other routes", async () => {
  const answer = await fetch(`${gateway.origin}/ready`, {
    headers: { authorization: `Bearer ${await bootstrapKey(gateway)}` },
  });
  const { servers } = (await answer.json()) as { servers: Record<string, unknown>[] };
  expect(servers).toMatchObject([{ name: "away", breaker: "closed", in_flight: 0 }]);
  for (const key of Object.keys(servers[0] ?? {})) expect(key).toMatch(/^[a-z_]+$/);
  if (servers[0]?.status === "failed") expect(servers[0].retry_at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
});
