import { afterAll, beforeAll, expect, test } from "bun:test";
import { newPerson, request } from "./administration.ts";
import { eventually } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";

const TIMEOUT_MS = 30_000;
let gateway: Gateway;
let operator: string;

beforeAll(async () => {
  gateway = await startGateway({ servers: [], anonymous: false });
  operator = await bootstrapKey(gateway);
}, TIMEOUT_MS);
afterAll(() => gateway?.stop(), TIMEOUT_MS);

const call = (method: string, path: string, key?: string, body?: unknown, headers = {}) =>
  request(gateway.origin, method, path, key, body, headers);
const unless = (path: string, tag: string, key = operator, headers = {}) =>
  call("GET", path, key, undefined, { "if-none-match": tag, ...headers });

test(
  "what changes without a new version is shown all the same: use, state, the reader's rights",
  async () => {
    const acme = await call("POST", "/api/admin/organizations", operator, { slug: "acme", name: "Acme" });
    const path = `/api/admin/organizations/${acme.json.id}`;
    const before = await call("GET", path, operator);
    const tag = before.headers.get("etag") as string;
    expect((await unless(path, tag)).status).toBe(304);
    const server = { name: "away", type: "streamable-http", url: "http://127.0.0.1:9/mcp", active: false };
    expect((await call("POST", "/gateway/servers?organization=acme", operator, server)).status).toBe(201);
    const after = await unless(path, tag);
    expect([after.status, before.json.in_use.servers, after.json.in_use.servers]).toEqual([200, 0, 1]);
    expect(after.json.updated_at).toBe(before.json.updated_at);
    const change = await call("PUT", path, operator, { name: "Acme 2" }, { "if-match": tag });
    expect([change.status, (await unless(path, tag)).json.name]).toEqual([200, "Acme 2"]);

    const { access } = await newPerson(gateway.origin, operator, { username: "ada", role: "admin" });
    const { key } = (await call("POST", "/auth/api-keys", access, { name: "k", role: "viewer" })).json;
    const own = (await call("GET", "/auth/profile", access)).headers.get("etag") as string;
    expect((await unless("/auth/profile", own, access)).status).toBe(304);
    const asKey = await unless("/auth/profile", own, key);
    expect([asKey.status, asKey.json.role]).toEqual([200, "viewer"]);
  },
  TIMEOUT_MS,
);

test("who may not see it, and what is not there, is answered as ever", async () => {
  const { id } = (await call("POST", "/api/admin/users", operator, { username: "bea" })).json;
  const path = `/api/admin/users/${id}`;
  const tag = (await call("GET", path, operator)).headers.get("etag") as string;
  const viewer = await gateway.mintKey("--name", "v", "--role", "viewer");
  const theirs = await gateway.mintKey("--name", "t", "--role", "admin", "--organization", "acme");
  for (const given of [tag, "*"]) {
    expect([(await unless(path, given, viewer)).status, (await unless(path, given, theirs)).status]).toEqual([
      403, 404,
    ]);
    expect((await unless(path, given, "nobody's")).status).toBe(401);
  }
  expect((await unless(`/api/admin/users/${crypto.randomUUID()}`, "*")).status).toBe(404);
  // A list has no tag.
  expect((await unless("/api/admin/users", "*")).status).toBe(200);
});

test("of a change it is a condition: 412 where what is there has the tag, or for * is there at all", async () => {
  const mapping = "/api/admin/claim-mapping";
  const of = async (path: string) => (await call("GET", path, operator)).headers.get("etag") as string;
  const change = async (method: string, path: string, tag: string, body?: object) =>
    (await call(method, path, operator, body, { "if-none-match": tag })).status;
  const { id } = (await call("POST", "/api/admin/users", operator, { username: "cleo" })).json;
  const path = `/api/admin/users/${id}`;
  const first = await of(path);
  for (const tag of ["*", first, `W/${first}`, `"other", ${first}`]) {
    expect([tag, await change("PUT", path, tag, { username: "clea" })]).toEqual([tag, 412]);
    expect([tag, await change("DELETE", path, tag)]).toEqual([tag, 412]);
  }
  expect((await call("GET", path, operator)).json.username).toBe("cleo");
  expect(await change("PUT", path, '"other"', { username: "clea" })).toBe(200);
  expect(await change("PUT", path, first, { username: "clea 2" })).toBe(200);
  expect(await change("DELETE", `/api/admin/users/${crypto.randomUUID()}`, "*")).toBe(404);
  // The first, or nothing.
  expect(await change("PUT", mapping, "*", { permissions: {} })).toBe(200);
  expect(await change("PUT", mapping, "*", { permissions: {} })).toBe(412);
  // A list is there, though it has no tag; what cannot be read is not.
  expect(await change("POST", "/api/admin/users", "*", { username: "dan" })).toBe(412);
  expect(await change("POST", "/api/admin/users", '"other"', { username: "dan" })).toBe(201);
  expect(await change("POST", "/auth/logout", "*")).toBe(403);
});

test("a page of an allowed origin is told the same; the connection goes on", async () => {
  const path = `/api/admin/namespaces?limit=1`;
  const [{ id }] = (await call("GET", path, operator)).json.items;
  const one = `/api/admin/namespaces/${id}`;
  const { origin } = gateway;
  const got = await call("GET", one, operator, undefined, { origin });
  const known = await unless(one, got.headers.get("etag") as string, operator, { origin });
  expect([known.status, known.text]).toEqual([304, ""]);
  for (const name of ["vary", "access-control-allow-origin", "cache-control", "etag"])
    expect([name, known.headers.get(name)]).toEqual([name, got.headers.get(name)]);
  expect(known.headers.get("x-request-id")).toBeString();
});

test("reading what one has already is in the record of another organisation like any reading", async () => {
  const server = { name: "seen", type: "streamable-http", url: "http://127.0.0.1:9/mcp", active: false };
  const made = await call("POST", "/gateway/servers?organization=acme", operator, server);
  const path = `/gateway/servers/${made.json.id}?organization=acme`;
  const tag = (await call("GET", path, operator)).headers.get("etag") as string;
  const known = await unless(path, tag);
  expect(known.status).toBe(304);
  const id = known.headers.get("x-request-id");
  const logs = `/admin/logs?kind=event&organization=acme&correlation_id=${id}`;
  const [event] = await eventually("it is in the record", async () => {
    const { items } = (await call("GET", logs, operator)).json;
    return items.length > 0 ? items : undefined;
  });
  expect([event.action, event.status]).toEqual(["server.get", "ok"]);
});
