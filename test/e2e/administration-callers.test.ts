import { afterAll, beforeAll, expect, test } from "bun:test";
import { adminRoutes } from "../../src/admin/routes.ts";
import { request, toolCall } from "./administration.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const OPERATOR_TOKEN = "an-operator-token-of-some-length";
let gateway: Gateway;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await startFixture("both");
  gateway = await startGateway({
    servers: [fixtureEntry("filed", upstream, "streamable-http")],
    settings: { telemetry: { operator_token: OPERATOR_TOKEN }, limits: { failed_auth_per_minute: 10_000 } },
  });
}, 30_000);
afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
});

test("403: the operator token reads metrics and administers nothing", async () => {
  expect((await request(gateway.origin, "GET", "/metrics", OPERATOR_TOKEN)).status).toBe(200);
  for (const { method, path, access } of adminRoutes) {
    if (access === "open") continue;
    const place = path.replaceAll(/\{\w+\}/g, Bun.randomUUIDv7());
    const body = method === "POST" || method === "PUT" ? {} : undefined;
    const { status } = await request(gateway.origin, method, place, OPERATOR_TOKEN, body);
    expect([method, path, status]).toEqual([method, path, 403]);
  }
});

test("403: an anonymous caller makes no key, which would outlive the setting that lets it in", async () => {
  expect((await request(gateway.origin, "GET", "/gateway/servers")).status).toBe(200);
  const body = { name: "kept", type: "user", role: "user", permissions: ["*:*"] };
  const { status, json } = await request(gateway.origin, "POST", "/auth/api-keys", undefined, body);
  expect([status, json.code]).toEqual([403, "exceeds_creator"]);
});

test("403: a key of one namespace administers nothing of the organisation, whatever its role; its own keys it may", async () => {
  const key = await gateway.mintKey(
    ...["--name", "bound", "--role", "admin", "--namespace", "default", "--permission", "*:*"],
  );
  const own = (path: string) => path.startsWith("/auth/");
  for (const { method, path, access } of adminRoutes) {
    if (access === "open" || own(path)) continue;
    const place = path.replaceAll(/\{\w+\}/g, Bun.randomUUIDv7());
    const body = method === "POST" || method === "PUT" ? {} : undefined;
    const { status } = await request(gateway.origin, method, place, key, body);
    // A body that does not fit is not looked at before the caller is.
    expect([method, path, status]).toEqual([method, path, 403]);
  }
  expect((await request(gateway.origin, "GET", "/auth/api-keys", key)).status).toBe(200);
});

test("403: a key of one namespace is nobody else's to make: its bearer would be that user everywhere", async () => {
  const { json: ann } = await request(gateway.origin, "POST", "/api/admin/users", undefined, {
    username: "ann",
    role: "admin",
  });
  for (const flags of [[], ["--platform-admin"]]) {
    const bound = await gateway.mintKey("--name", "b", "--role", "admin", "--namespace", "default", ...flags);
    const make = (body: object) => request(gateway.origin, "POST", "/auth/api-keys", bound, body);
    for (const user_id of [ann.id, crypto.randomUUID()]) {
      const { status, json } = await make({ name: "hers", user_id });
      expect([status, json.code, json.detail]).toEqual([
        ...[403, "exceeds_creator", expect.stringContaining("another user's key")],
      ]);
    }
    expect((await make({ name: "an application", type: "a2a" })).status).toBe(201);
  }
});

test("a key of one namespace is shown itself alone, and only where it is", async () => {
  const send = (method: string, path: string, key?: string, body?: unknown) =>
    request(gateway.origin, method, path, key, body);
  const { json: bob } = await send("POST", "/api/admin/users", undefined, { username: "bob" });
  const admin = await gateway.mintKey("--name", "a", "--role", "admin");
  const make = async (over: object) =>
    (await send("POST", "/auth/api-keys", admin, { name: "his", user_id: bob.id, ...over })).json;
  const [bound, free] = [await make({ namespace: "default" }), await make({})];
  const listed = async (key: string, query = "") =>
    (await send("GET", `/auth/api-keys${query}`, key)).json.items.map(({ id }: { id: string }) => id);
  expect(await listed(free.key)).toEqual([free.id]);
  expect(await listed(bound.key)).toEqual([bound.id]);
  expect(await listed(bound.key, "?namespace=default")).toEqual([bound.id]);
  expect(await listed(bound.key, "?namespace=nowhere")).toEqual([]);
  for (const method of ["GET", "DELETE"])
    expect((await send(method, `/auth/api-keys/${free.id}`, bound.key)).status).toBe(404);
  for (const { key } of [bound, free])
    expect((await send("PUT", "/auth/profile", key, { username: "robert" })).status).toBe(403);
  expect((await send("DELETE", `/auth/api-keys/${bound.id}`, bound.key)).status).toBe(204);
});

test.each([
  ["a platform administrator's", ["--role", "admin", "--platform-admin", "--permission", "*:*"]],
  ["a platform administrator's without patterns", ["--role", "admin", "--platform-admin"]],
  ["an administrator's without patterns", ["--role", "admin"]],
])(
  "403: a token for some patterns of %s key reaches those alone, and administers nothing",
  async (_whose, flags) => {
    const client_secret = await gateway.mintKey("--name", "app", "--type", "a2a", ...flags);
    const token = async (scope?: string) => {
      const body = { grant_type: "client_credentials", client_secret, scope };
      const { json } = await request(gateway.origin, "POST", "/auth/a2a/token", undefined, body);
      return json.access_token as string;
    };
    const narrow = await token("filed:test_echo");
    for (const { method, path, access, roles } of adminRoutes) {
      if (access === "open" || roles.includes("api_user")) continue;
      const place = path.replaceAll(/\{\w+\}/g, Bun.randomUUIDv7());
      const body = method === "POST" || method === "PUT" ? {} : undefined;
      const { status } = await request(gateway.origin, method, place, narrow, body);
      expect([method, path, status]).toEqual([method, path, 403]);
    }
    expect((await request(gateway.origin, "GET", "/metrics", narrow)).status).toBe(403);
    const { servers } = (await request(gateway.origin, "GET", "/mcp/status", narrow)).json;
    expect(servers.map((one: object) => "reason" in one)).toEqual(servers.map(() => false));
    const profile = (await request(gateway.origin, "GET", "/auth/profile", narrow)).json;
    expect([profile.platform_admin, profile.permissions]).toEqual([false, ["filed:test_echo"]]);
    const call = async (bearer: string, name: string) =>
      (await toolCall(gateway.origin, "/servers/filed/mcp", bearer, name, { nonce: "n" })).json;
    expect((await call(narrow, "test_echo")).result).toBeDefined();
    expect((await call(narrow, "test_simple_text")).error.code).toBe(-32602);
    const whole = await token();
    expect((await call(whole, "test_simple_text")).result).toBeDefined();
    expect((await request(gateway.origin, "GET", "/api/admin/users", whole)).status).toBe(200);
  },
);

test("403: what ends signs for no application that goes on after it", async () => {
  const make = (body: object) => request(gateway.origin, "POST", "/auth/api-keys", operator, body);
  const operator = await gateway.mintKey("--name", "o", "--role", "admin");
  const brief = await gateway.mintKey("--name", "brief", "--role", "admin", "--expires", "1h");
  const keys = [{ kty: "OKP", crv: "Ed25519", kid: "one", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }];
  const sign = async (expires_at?: string) => {
    const { json } = await make({ name: "app", type: "a2a", role: "user", expires_at });
    return request(gateway.origin, "PUT", `/auth/api-keys/${json.id}/jwks`, brief, { keys });
  };
  const lasting = await sign();
  expect([lasting.status, lasting.json.code]).toEqual([403, "exceeds_creator"]);
  expect((await sign(new Date(Date.now() + 600_000).toISOString())).status).toBe(204);
});
