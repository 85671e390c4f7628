import { afterAll, beforeAll, expect, test } from "bun:test";
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
