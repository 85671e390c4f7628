import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { createSealer } from "../../src/storage/sealing.ts";
import { request } from "./administration.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";

let gateway: Gateway;
let operator: string;
/** What a host that somebody changes a server's address to is shown. */
const shown: string[] = [];
const elsewhere = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: ({ headers }) => {
    shown.push(JSON.stringify([...headers]));
    return new Response(null, { status: 404 });
  },
});

beforeAll(async () => {
  gateway = await startGateway({ servers: [], anonymous: false });
  operator = await bootstrapKey(gateway);
}, 30_000);
afterAll(async () => {
  await gateway?.stop();
  await elsewhere.stop(true);
}, 30_000);

test("400: secrets of a server go to no other host than they were given for", async () => {
  const secrets = { headers: { "x-secret": "hidden" }, auth: { type: "bearer", token: "hidden" } };
  const server = { name: "kept", type: "streamable-http", url: "http://127.0.0.1:9/mcp", ...secrets };
  const { json: made } = await request(gateway.origin, "POST", "/gateway/servers", operator, server);
  const change = (body: object) =>
    request(gateway.origin, "PUT", `/gateway/servers/${made.id}`, operator, body);
  const url = `http://127.0.0.1:${elsewhere.port}/mcp`;
  const [bearer, headers] = [{ type: "bearer", token: "another" }, { "x-secret": "another" }];
  for (const [body, says] of [
    [{ url }, "auth: to be given again"],
    [{ url, auth: bearer }, "headers: to be given again"],
    [{ url, headers }, "auth: to be given again"],
  ] as const) {
    const { status, json } = await change(body);
    expect([status, json.detail]).toEqual([400, expect.stringContaining(says)]);
  }
  expect((await change({ url: "http://127.0.0.1:9/other" })).json).toMatchObject({
    auth_header: "authorization",
    header_names: ["x-secret"],
  });
  expect((await change({ url, auth: bearer, headers })).status).toBe(200);
  await request(gateway.origin, "POST", `/gateway/servers/${made.id}/test`, operator);
  expect(shown.join()).toContain("another");
  expect(shown.join()).not.toContain("hidden");
  const bare = await change({ url: "http://127.0.0.1:9/mcp", auth: { type: "none" }, headers: {} });
  expect(bare.json).toMatchObject({ auth_header: null, header_names: [] });
});

test("400: nor do secrets that are sealed with a master key which is away: it may come back", async () => {
  const [first, second] = ["the first master key", "the second"].map((text) =>
    createHash("sha256").update(text).digest("base64"),
  ) as [string, string];
  const options = { servers: [], anonymous: false };
  await using world = await startGateway({ ...options, environment: { MCP_GATEWAY_MASTER_KEY: first } });
  const key = await bootstrapKey(world);
  const send = (method: string, path: string, body?: unknown) =>
    request(world.origin, method, path, key, body);
  const secrets = { headers: { "x-secret": "hidden" }, auth: { type: "bearer", token: "hidden" } };
  const server = { name: "kept", type: "streamable-http", url: "http://127.0.0.1:9/mcp", ...secrets };
  const { id } = (await send("POST", "/gateway/servers", server)).json;
  // As if it had been sealed by a gateway with the other key.
  const away = createSealer([Buffer.from(second, "base64")]);
  const seal = (column: string, value: unknown) =>
    away.seal("store", JSON.stringify(value), `mcp_servers/${id}/${column}`);
  const sealedColumns = () => {
    using store = new Database(join(world.folder, "data/gateway.db"));
    return store.query<{ auth: string; headers: string }, []>("SELECT auth, headers FROM mcp_servers").get();
  };
  {
    using store = new Database(join(world.folder, "data/gateway.db"));
    store.run("PRAGMA busy_timeout = 2000");
    store.run("UPDATE mcp_servers SET auth = ?, headers = ?", [
      seal("auth", { header: "authorization", value: "Bearer hidden" }),
      seal("headers", { "x-secret": "hidden" }),
    ]);
  }
  const sealed = sealedColumns();
  const path = `/gateway/servers/${id}`;
  expect((await send("GET", path)).json).toMatchObject({ auth_header: null, header_names: [] });
  const url = `http://127.0.0.1:${elsewhere.port}/mcp`;
  const [bearer, headers] = [{ type: "bearer", token: "another" }, { "x-secret": "another" }];
  for (const [body, says] of [
    [{ url }, "auth: to be given again"],
    [{ url, headers }, "auth: to be given again"],
    [{ url, auth: bearer }, "headers: to be given again"],
    [{ url, auth: { type: "none" } }, "headers: to be given again"],
    [{ url, environment: {} }, "auth: to be given again"],
  ] as const) {
    const { status, json } = await send("PUT", path, body);
    expect([status, json.detail]).toEqual([400, expect.stringContaining(says)]);
    expect(json.data.errors.map(({ path }: { path: string }) => path).sort()).toEqual(
      ["auth", "headers"].filter((name) => !(name in body)),
    );
  }
  // What leaves the origin as it is, and by way of none at all, leaves them where they are.
  expect((await send("PUT", path, { url: "http://127.0.0.1:9/other" })).status).toBe(200);
  await send("PUT", path, { url: null });
  expect((await send("PUT", path, { url })).status).toBe(400);
  expect(sealedColumns()).toEqual(sealed);
  // Given anew by itself, one leaves the other for the key that may come back.
  const renewed = await send("PUT", path, { auth: bearer });
  expect([renewed.status, renewed.json.auth_header, renewed.json.header_names]).toEqual([
    ...[200, "authorization", []],
  ]);
  expect(sealedColumns()?.auth).not.toBe(sealed?.auth as string);
  expect(sealedColumns()?.headers).toBe(sealed?.headers as string);
  const readable = await send("PUT", path, { headers });
  expect(readable.json).toMatchObject({ auth_header: "authorization", header_names: ["x-secret"] });
  expect((await send("PUT", path, { url, auth: bearer, headers })).json.url).toBe(url);
  await send("POST", `${path}/test`);
  expect(shown.join()).not.toContain("hidden");
}, 30_000);
