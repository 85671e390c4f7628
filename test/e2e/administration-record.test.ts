import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { adminRoutes } from "../../src/admin/routes.ts";
import { request, toolCall } from "./administration.ts";
import { eventually } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 30_000;
const ROLES = ["admin", "user", "viewer", "api_user"] as const;
type Role = (typeof ROLES)[number];

let upstream: Upstream;
let gateway: Gateway;
/** Platform administrator; then two tenants, each with a key of every role. */
let operator: string;
const keys: Record<"default" | "acme", Record<Role, string>> = { default: {} as never, acme: {} as never };

const call = (method: string, path: string, key?: string, body?: unknown, headers = {}) =>
  request(gateway.origin, method, path, key, body, headers);

beforeAll(async () => {
  upstream = await startFixture("both");
  gateway = await startGateway({
    servers: [fixtureEntry("filed", upstream, "streamable-http")],
    anonymous: false,
    settings: { limits: { failed_auth_per_minute: 10_000 } },
  });
  operator = await bootstrapKey(gateway);
  expect(
    (await call("POST", "/api/admin/organizations", operator, { slug: "acme", name: "Acme", max_servers: 3 }))
      .status,
  ).toBe(201);
  for (const organization of ["default", "acme"] as const) {
    for (const role of ROLES) {
      keys[organization][role] = await gateway.mintKey(
        ...["--name", `${organization}-${role}`, "--role", role, "--organization", organization],
        ...["--permission", "*:*"],
      );
    }
  }
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
}, TIMEOUT_MS);

describe("the record", () => {
  test("every change has its event with before and after, and every refusal", async () => {
    const { json } = await call("POST", "/api/admin/namespaces", keys.acme.admin, { slug: "seen" });
    await call("PUT", `/api/admin/namespaces/${json.id}`, keys.acme.admin, { description: "after" });
    await call("POST", "/api/admin/namespaces", keys.acme.viewer, { slug: "refused" });
    const target = `namespace:${json.id}`;
    const items = await eventually("the journal has drained", async () => {
      const { json: page } = await call("GET", "/admin/logs?kind=event&limit=1000", keys.acme.admin);
      const mine = page.items.filter(
        (item: { target: string; status: string }) => item.target === target || item.status === "refused",
      );
      return mine.length >= 3 ? mine : undefined;
    });
    const update = items.find(({ action }: { action: string }) => action === "namespace.update");
    expect(update).toMatchObject({
      target,
      status: "ok",
      detail: { before: { description: "" }, after: { description: "after" } },
    });
    expect(
      items.some(
        (item: { action: string; error_code: string }) =>
          item.action === "namespace.create" && item.error_code === "forbidden",
      ),
    ).toBe(true);
    expect((await call("GET", "/admin/logs?kind=event&limit=1000", keys.default.admin)).text).not.toContain(
      json.id,
    );
  });

  test("a wrong password is in the record of the organisation whose account it was for", async () => {
    const { json: user } = await call("POST", "/api/admin/users", keys.acme.admin, {
      username: "tried",
      password: "first password 1",
    });
    const attempt = { organization: "acme", username: "tried", password: "wrong" };
    const { status, json } = await call("POST", "/auth/login", undefined, attempt);
    expect(status).toBe(401);
    const path = `/admin/logs?kind=event&correlation_id=${json.correlation_id}`;
    const item = await eventually("it is recorded", async () => {
      const { items } = (await call("GET", path, keys.acme.admin)).json;
      return items[0] as object | undefined;
    });
    expect(item).toMatchObject({
      ...{ action: "auth.login", actor: "nobody", target: `user:${user.id}` },
      ...{ status: "refused", error_code: "invalid_credentials" },
      client_address: expect.stringMatching(/^(::ffff:)?127\./),
    });
    expect((await call("GET", path, keys.default.admin)).json.items).toEqual([]);
  });

  test("events are found by how they ended and who did it, each tenant's own alone", async () => {
    const body = { slug: "by-its-end" };
    await call("POST", "/api/admin/namespaces", keys.acme.admin, body);
    await call("POST", "/api/admin/namespaces", keys.acme.admin, body);
    await call("POST", "/api/admin/namespaces", keys.acme.user, body);
    const found = async (query: string, key = keys.acme.admin) =>
      (await call("GET", `/admin/logs?kind=event&action=namespace.create&${query}`, key)).json.items as {
        status: string;
        error_code: string | null;
        actor_name: string;
      }[];
    await eventually("the journal has drained", async () =>
      (await found("error_code=forbidden&limit=1")).length === 1 && (await found("status=ok")).length > 1
        ? true
        : undefined,
    );
    const refused = await found("status=refused");
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set(["refused"]));
    expect(new Set(refused.map((one) => one.error_code))).toEqual(new Set(["forbidden", "already_exists"]));
    expect(await found("error_code=already_exists")).toHaveLength(1);
    expect((await found("status=ok")).every((one) => one.error_code === null)).toBe(true);
    const prefix = keys.acme.user.slice(0, 12);
    const [own] = await found(`actor_name=${prefix}`);
    expect(own).toMatchObject({ actor_name: prefix, error_code: "forbidden" });
    expect(await found(`actor_name=${prefix}&status=ok`)).toEqual([]);
    expect(await found(`actor_name=${prefix}`, keys.default.admin)).toEqual([]);
    expect(await found("error_code=already_exists", keys.default.admin)).toEqual([]);
  });

  test("what belongs to no organisation is the platform administrator's to see, and nobody else's", async () => {
    const path = "/admin/platform/logs";
    const [refusedKey, unknownClient, lockedOut] = [
      await call("GET", "/gateway/servers", "mgw_nobody-has-this-key"),
      await call("POST", "/auth/a2a/token", undefined, {
        ...{ grant_type: "client_credentials", client_secret: "mgw_nobody-has-this-key" },
      }),
      await call("POST", "/auth/login", undefined, { organization: "none", username: "a", password: "b" }),
    ];
    expect([refusedKey.status, unknownClient.status, lockedOut.status]).toEqual([401, 401, 401]);
    const found = async (query: string) =>
      (await call("GET", `${path}?${query}`, operator)).json.items as Record<string, unknown>[];
    for (const [answer, expected] of [
      [
        refusedKey,
        { action: "authentication.failed", error_code: "unauthenticated", target: "/gateway/servers" },
      ],
      [unknownClient, { action: "auth.a2a_token", error_code: "invalid_client" }],
      [lockedOut, { action: "auth.login", error_code: "invalid_credentials" }],
    ] as const) {
      const id = answer.json.correlation_id;
      const item = await eventually("it is recorded", async () => (await found(`correlation_id=${id}`))[0]);
      expect(item).toMatchObject({ ...expected, status: "refused", client_address: "127.0.0.1" });
      for (const tenant of ["default", "acme"] as const) {
        const own = await call("GET", `/admin/logs?kind=event&correlation_id=${id}`, keys[tenant].admin);
        expect(own.json.items).toEqual([]);
      }
    }
    expect((await found("action=journal.opened")).length).toBeGreaterThan(0);
    expect((await found("status=refused")).every(({ status }) => status === "refused")).toBe(true);
    for (const tenant of ["default", "acme"] as const)
      for (const role of ROLES) expect((await call("GET", path, keys[tenant][role])).status).toBe(403);
    const lines = await call("GET", `${path}?format=jsonl&limit=2`, operator);
    expect(lines.text.trim().split("\n")).toHaveLength(2);
    expect(lines.headers.get("content-disposition")).toMatch(
      /^attachment; filename="platform-events-\d{8}T\d{6}Z\.jsonl"$/,
    );
  });

  test("a refused application's secret is in the record of the organisation whose key it is", async () => {
    const made = await call("POST", "/auth/api-keys", keys.acme.admin, {
      ...{ name: "app", type: "a2a", role: "api_user", permissions: ["filed:*"] },
    });
    expect([made.status, made.text]).toEqual([201, expect.any(String)]);
    const ask = (scope: string) =>
      call("POST", "/auth/a2a/token", undefined, {
        ...{ grant_type: "client_credentials", client_secret: made.json.key, scope },
      });
    const [refused, given] = [await ask("other:*"), await ask("filed:*")];
    expect([refused.status, given.status]).toEqual([400, 200]);
    const target = `api_key:${made.json.id}`;
    const path = `/admin/logs?kind=event&action=auth.a2a_token&target=${target}`;
    const items = await eventually("both are recorded", async () => {
      const { json } = await call("GET", path, keys.acme.admin);
      return json.items.length === 2 ? json.items : undefined;
    });
    expect(items).toMatchObject([
      { status: "ok", actor: `client:${made.json.id}`, actor_name: made.json.prefix },
      { status: "refused", error_code: "invalid_scope", actor: "nobody" },
    ]);
    expect((await call("GET", path, keys.default.admin)).json.items).toEqual([]);
  });

  test("calls are found by filter, page by page, and exported", async () => {
    for (let n = 0; n < 5; n++) {
      await toolCall(gateway.origin, "/servers/filed/mcp", keys.default.admin, "test_echo", {
        nonce: String(n),
      });
    }
    const filter = "server=filed&target=test_echo&status=ok";
    await eventually("the journal has drained", async () =>
      (await call("GET", `/admin/logs?${filter}`, keys.default.admin)).json.items.length === 5
        ? true
        : undefined,
    );
    const first = (await call("GET", `/admin/logs?${filter}&limit=3`, keys.default.admin)).json;
    const second = (
      await call("GET", `/admin/logs?${filter}&limit=3&cursor=${first.next_cursor}`, keys.default.admin)
    ).json;
    const ids = [...first.items, ...second.items].map(({ id }: { id: string }) => id);
    expect([first.items.length, second.items.length, new Set(ids).size, second.next_cursor]).toEqual([
      3,
      2,
      5,
      null,
    ]);
    const csv = await call("GET", `/admin/logs?${filter}&format=csv`, keys.default.admin);
    expect(csv.text.trim().split("\r\n")).toHaveLength(6);
    const lines = await call("GET", `/admin/logs?${filter}&format=jsonl`, keys.default.admin);
    expect(lines.text.trim().split("\n")).toHaveLength(5);
    const stats = (await call("GET", "/admin/stats", keys.default.admin)).json;
    expect(stats.targets).toContainEqual(
      expect.objectContaining({ server: "filed", target: "test_echo", status: "ok", calls: 5 }),
    );
    expect((await call("GET", "/admin/logs?cursor=x", keys.default.admin)).json.code).toBe("invalid_request");
  });
});

describe("the documentation", () => {
  test("OpenAPI 3.1 names every route; every reference leads somewhere", async () => {
    const { json } = await call("GET", "/openapi.json");
    expect(json.openapi).toBe("3.1.0");
    for (const { path, method } of adminRoutes)
      expect(json.paths[path]?.[method.toLowerCase()]?.operationId).toBeString();
    for (const [, name] of JSON.stringify(json).matchAll(/#\/components\/schemas\/(\w+)/g)) {
      expect(Object.keys(json.components.schemas)).toContain(name as string);
    }
  });

  test("the interactive page comes from here alone", async () => {
    const page = await call("GET", "/docs");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    for (const [, file] of page.text.matchAll(/(?:src|href)="(?!data:)([^"]+)"/g)) {
      expect(file).toStartWith("/docs/");
      const served = await call("GET", file as string);
      expect([served.status, served.status === 200 ? "" : gateway.logs().slice(-1_000)]).toEqual([200, ""]);
    }
  });
});
