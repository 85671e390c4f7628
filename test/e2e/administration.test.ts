import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { adminRoutes } from "../../src/admin/routes.ts";
import { routes } from "../../src/server/routes.ts";
import { request } from "./administration.ts";
import { eventually } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 30_000;
const ROLES = ["admin", "user", "viewer", "api_user"] as const;
type Role = (typeof ROLES)[number];
type Named = { readonly slug: string };

let upstream: Upstream;
let gateway: Gateway;
/** Platform administrator; then two tenants, each with a key of every role. */
let operator: string;
const keys: Record<"default" | "acme", Record<Role, string>> = { default: {} as never, acme: {} as never };

const call = (method: string, path: string, key?: string, body?: unknown, headers = {}) =>
  request(gateway.origin, method, path, key, body, headers);
const httpServer = (name: string, over = {}) => ({
  name,
  type: "streamable-http",
  url: upstream.url,
  ...over,
});

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

describe("the manifest", () => {
  test("every route but those said to be open answers 401 without a credential", async () => {
    for (const { path, methods, access } of routes) {
      const url = path.replaceAll(/\{\w+\}/g, "00000000-0000-4000-8000-000000000000");
      for (const method of methods) {
        const answer = await call(method, url);
        if (access === "open") expect([method, path, answer.status]).not.toEqual([method, path, 401]);
        else
          expect([method, path, answer.status]).toEqual([
            method,
            path,
            access === "peer" ? answer.status : 401,
          ]);
      }
    }
  });

  test("the role table, cell by cell", async () => {
    for (const route of adminRoutes.filter(({ access }) => access !== "open")) {
      const url = route.path.replaceAll(/\{\w+\}/g, "00000000-0000-4000-8000-000000000000");
      for (const role of ROLES) {
        // An empty body never changes anything; who is not permitted does not even learn that.
        const { status, text } = await call(
          route.method,
          url,
          keys.default[role],
          route.body === undefined ? undefined : {},
        );
        // What is done in person no key may, whatever its role: own-account.test.ts.
        const isOfRole = status === 403 && !text.includes('"sign_in_required"');
        const cell = `${route.method} ${route.path} as ${role}`;
        const permitted = route.access === "caller" && route.roles.includes(role);
        expect([cell, isOfRole]).toEqual([cell, !permitted]);
      }
    }
  });
});

describe("servers", () => {
  test("201: registered, served at once, shown without its secrets; then changed and removed", async () => {
    const body = httpServer("fresh", {
      headers: { "x-secret": "hidden-value" },
      auth: { type: "bearer", token: "hidden-token" },
    });
    const created = await call("POST", "/gateway/servers", keys.default.admin, body);
    expect([created.status, created.status === 201 ? "" : created.text]).toEqual([201, ""]);
    expect(created.text).not.toContain("hidden");
    expect(created.json).toMatchObject({
      name: "fresh",
      namespace: "default",
      managed: false,
      auth_header: "authorization",
      header_names: ["x-secret"],
    });
    const path = `/gateway/servers/${created.json.id}`;
    await eventually("it is ready", async () =>
      (await call("GET", path, keys.default.viewer)).json.status.status === "ready" ? true : undefined,
    );
    const tag = (await call("GET", path, keys.default.admin)).headers.get("etag") ?? "";
    const changed = await call(
      "PUT",
      path,
      keys.default.admin,
      { description: "better" },
      { "if-match": tag },
    );
    expect(changed.json).toMatchObject({ description: "better", header_names: ["x-secret"] });
    expect(
      (await call("PUT", path, keys.default.admin, { description: "late" }, { "if-match": tag })).status,
    ).toBe(412);
    expect((await call("DELETE", path, keys.default.admin)).status).toBe(204);
    expect((await call("GET", path, keys.default.admin)).status).toBe(404);
  });

  test("a create sent again under its Idempotency-Key happens once", async () => {
    const again = () =>
      call("POST", "/gateway/servers", keys.default.admin, httpServer("once"), {
        "idempotency-key": "key-1",
      });
    const [first, second] = [await again(), await again()];
    expect([first.status, second.status, second.json.id]).toEqual([201, 201, first.json.id]);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    const other = await call("POST", "/gateway/servers", keys.default.admin, httpServer("other"), {
      "idempotency-key": "key-1",
    });
    expect(other.json.code).toBe("idempotency_key_reused");
    await call("DELETE", `/gateway/servers/${first.json.id}`, keys.default.admin);
  });

  test("400: unknown members, wrong values and incomplete settings are named", async () => {
    for (const [body, says] of [
      [httpServer("x", { colour: 1 }), "colour"],
      [httpServer("Not a slug"), "name"],
      [{ name: "x", type: "streamable-http" }, "url"],
      [httpServer("x", { settings: { max_concurency: 3 } }), "max_concurency"],
      [httpServer("x", { timeout: 3 }), "did you mean timeout_seconds?"],
      [httpServer("x", { auth: { type: "bearer", tokn: "a" } }), "did you mean token?"],
      [
        httpServer("x", { auth: { type: "bearer", token: "a\n" } }),
        '"detail":"Not a valid request: auth.token: ',
      ],
      [httpServer("x", { auth: { type: "bearer", token: "ł" } }), "auth.token: "],
      [httpServer("x", { auth: { type: "bearer", token: "Bearer a" } }), "auth.token: "],
      [httpServer("x", { auth: { type: "header", header: "x a", value: "v" } }), "auth.header: "],
      [httpServer("x", { auth: { type: "header", header: "host", value: "v" } }), "auth.header: "],
      [httpServer("x", { auth: { type: "header", header: "x-a", value: "a\r\nb: c" } }), "auth.value: "],
      [httpServer("x", { headers: { "x-a": "ł" } }), "request: headers.x-a: "],
      [httpServer("x", { headers: { "x a": "v" } }), "request: headers."],
      [httpServer("x", { namespace: "nowhere" }), "nowhere"],
      [{ name: "x" }, "type"],
      ["{", "JSON"],
    ] as const) {
      const answer = await call("POST", "/gateway/servers", keys.default.admin, body);
      expect([answer.status, answer.headers.get("content-type")]).toEqual([400, "application/problem+json"]);
      expect(answer.text).toContain(says);
    }
    expect((await call("GET", "/gateway/servers?colour=red", keys.default.admin)).status).toBe(400);
    expect(
      (await call("POST", "/gateway/servers", keys.default.admin, "x", { "content-type": "text/plain" }))
        .status,
    ).toBe(415);
  });

  test("403: a program on the gateway's machine is the platform administrator's to register", async () => {
    const child = { name: "child", type: "stdio", command: "true" };
    expect((await call("POST", "/gateway/servers", keys.default.admin, child)).status).toBe(403);
  });

  test("409: a name taken, and what the configuration file says", async () => {
    const first = await call("POST", "/gateway/servers", keys.default.admin, httpServer("twice"));
    expect((await call("POST", "/gateway/servers", keys.default.admin, httpServer("twice"))).status).toBe(
      409,
    );
    await call("DELETE", `/gateway/servers/${first.json.id}`, keys.default.admin);
    const { items } = (await call("GET", "/gateway/servers", keys.default.viewer)).json;
    const filed = items.find(({ name }: { name: string }) => name === "filed");
    expect(filed).toMatchObject({ managed: true });
    for (const method of ["PUT", "DELETE"]) {
      const answer = await call(
        method,
        `/gateway/servers/${filed.id}`,
        keys.default.admin,
        method === "PUT" ? {} : undefined,
      );
      expect([answer.status, answer.json.code]).toEqual([409, "managed_by_file"]);
    }
  });

  test("the quota holds under creates side by side", async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        call("POST", "/gateway/servers", keys.acme.admin, httpServer(`many-${n}`)),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, ...Array(9).fill(409)]);
    expect(answers.find(({ status }) => status === 409)?.json.code).toBe("quota_exceeded");
    for (const { status, json } of answers) {
      if (status === 201) await call("DELETE", `/gateway/servers/${json.id}`, keys.acme.admin);
    }
  });

  test("a dry connection says how far it came, and keeps nothing", async () => {
    const good = await call("POST", "/gateway/servers/test", keys.default.admin, httpServer("dry"));
    expect(good.json).toMatchObject({
      ok: true,
      steps: [{ step: "settings" }, { step: "connect" }, { step: "lists" }],
    });
    const away = httpServer("dry", { url: "http://127.0.0.1:9/mcp" });
    const bad = await call("POST", "/gateway/servers/test", keys.default.admin, away);
    expect(bad.json).toMatchObject({ ok: false, steps: [{ ok: true }, { step: "connect", ok: false }] });
    const names = (await call("GET", "/gateway/servers", keys.default.admin)).json.items.map(
      ({ name }: { name: string }) => name,
    );
    expect(names).not.toContain("dry");
  });
});

describe("tenants", () => {
  test("another organisation's object is answered exactly as one that does not exist", async () => {
    const { json: own } = await call("POST", "/gateway/servers", keys.acme.admin, httpServer("theirs"));
    const { json: namespace } = await call("POST", "/api/admin/namespaces", keys.acme.admin, { slug: "lab" });
    const { json: key } = await call("POST", "/auth/api-keys", keys.acme.admin, { name: "theirs" });
    const paths = [
      `/gateway/servers/${own.id}`,
      `/api/admin/namespaces/${namespace.id}`,
      `/api/admin/api-keys/${key.id}`,
    ];
    for (const path of [...paths, `/api/admin/namespaces/${namespace.id}/servers`]) {
      const missing = path.replace(/[0-9a-f-]{36}/, "00000000-0000-4000-8000-000000000000");
      for (const method of path.endsWith("servers") ? ["GET"] : ["GET", "DELETE"]) {
        const [there, nowhere] = await Promise.all([
          call(method, path, keys.default.admin),
          call(method, missing, keys.default.admin),
        ]);
        expect([there.status, nowhere.status]).toEqual([404, 404]);
        expect(there.text.replace(there.json.correlation_id, "")).toBe(
          nowhere.text.replace(nowhere.json.correlation_id, ""),
        );
      }
    }
    const list = await call("GET", "/gateway/servers", keys.default.admin);
    expect(list.text).not.toContain("theirs");
    expect(
      (await call("POST", "/gateway/servers", keys.default.admin, httpServer("x", { namespace: "lab" })))
        .status,
    ).toBe(400);
    await call("DELETE", `/gateway/servers/${own.id}`, keys.acme.admin);
  });

  test("a namespace goes with what is in it; default stays", async () => {
    const { json: namespace } = await call("POST", "/api/admin/namespaces", keys.default.admin, {
      slug: "short-lived",
    });
    await call(
      "POST",
      "/gateway/servers",
      keys.default.admin,
      httpServer("inside", { namespace: "short-lived" }),
    );
    const servers = await call("GET", `/api/admin/namespaces/${namespace.id}/servers`, keys.default.admin);
    expect(servers.json.items.map(({ name }: { name: string }) => name)).toEqual(["inside"]);
    expect((await call("DELETE", `/api/admin/namespaces/${namespace.id}`, keys.default.admin)).status).toBe(
      204,
    );
    expect((await call("GET", "/gateway/servers", keys.default.admin)).text).not.toContain("inside");
    const { items } = (await call("GET", "/api/admin/namespaces", keys.default.admin)).json;
    const fallback = items.find(({ slug }: { slug: string }) => slug === "default");
    expect((await call("DELETE", `/api/admin/namespaces/${fallback.id}`, keys.default.admin)).status).toBe(
      409,
    );
  });

  test("an organisation made inactive is served no more, at once", async () => {
    const { json: made } = await call("POST", "/api/admin/organizations", operator, {
      slug: "gone",
      name: "Gone",
    });
    const key = await gateway.mintKey("--name", "g", "--role", "admin", "--organization", "gone");
    expect((await call("GET", "/gateway/servers", key)).status).toBe(200);
    await call("PUT", `/api/admin/organizations/${made.id}`, operator, { active: false });
    expect((await call("GET", "/gateway/servers", key)).status).toBe(401);
    expect((await call("DELETE", `/api/admin/organizations/${made.id}`, operator)).status).toBe(204);
  });

  test("an administrator reads its own organisation, with what it uses, and no other", async () => {
    const path = "/api/admin/organizations";
    const { json: made } = await call("POST", "/gateway/servers", keys.acme.admin, httpServer("counted"));
    const { items: all } = (await call("GET", path, operator)).json;
    const [acme, home] = ["acme", "default"].map((name) => all.find((one: Named) => one.slug === name));
    for (const query of ["", "?limit=1"]) {
      const { json } = await call("GET", `${path}${query}`, keys.acme.admin);
      expect(json).toEqual({ items: [acme], next_cursor: null });
    }
    const { json: own } = await call("GET", `${path}/${acme.id}`, keys.acme.admin);
    expect(own).toEqual({ ...acme, in_use: { servers: 1, sessions: 0 } });
    expect(own).toMatchObject({ plan: "free", max_servers: 3, max_sessions: 100, log_retention_days: 7 });
    const foreign = await call("GET", `${path}/${home.id}`, keys.acme.admin);
    const missing = await call("GET", `${path}/${crypto.randomUUID()}`, keys.acme.admin);
    expect([foreign.status, foreign.json.detail]).toEqual([404, missing.json.detail]);
    expect((await call("PUT", `${path}/${acme.id}`, keys.acme.admin, { max_servers: 9 })).status).toBe(403);
    expect((await call("GET", `${path}/${acme.id}`, operator)).json.in_use.servers).toBe(1);
    await call("DELETE", `/gateway/servers/${made.id}`, keys.acme.admin);
  });

  test("409: nobody takes away the organisation default, nor their own", async () => {
    const elsewhere = await gateway.mintKey(
      ...["--name", "e", "--role", "admin", "--organization", "acme", "--platform-admin"],
    );
    const { items } = (await call("GET", "/api/admin/organizations", operator)).json;
    const idOf = (name: string) => items.find(({ slug }: { slug: string }) => slug === name).id;
    for (const [key, name] of [
      [operator, "default"],
      [elsewhere, "default"],
      [elsewhere, "acme"],
    ] as const) {
      const path = `/api/admin/organizations/${idOf(name)}`;
      expect((await call("DELETE", path, key)).json.code).toBe("conflict");
      expect((await call("PUT", path, key, { active: false })).json.code).toBe("conflict");
    }
    expect((await call("GET", "/gateway/servers", operator)).status).toBe(200);
  });
});

describe("keys", () => {
  test("a key never exceeds who makes it", async () => {
    const narrow = await gateway.mintKey(
      "--name",
      "narrow",
      "--role",
      "user",
      "--permission",
      "filed:test_*",
    );
    const make = (body: object) => call("POST", "/auth/api-keys", narrow, { name: "child", ...body });
    expect((await make({ permissions: ["filed:test_echo"] })).status).toBe(201);
    for (const body of [
      { permissions: ["filed:*"] },
      { permissions: ["*:*"] },
      { role: "admin" },
      { type: "a2a" },
      { platform_admin: true },
    ]) {
      const answer = await make(body);
      expect([JSON.stringify(body), answer.status, answer.json.code]).toEqual([
        JSON.stringify(body),
        403,
        "exceeds_creator",
      ]);
    }
    expect(
      (await call("POST", "/auth/api-keys", keys.default.admin, { name: "x", platform_admin: true })).status,
    ).toBe(403);
  });

  test("what ends one day makes nothing that outlasts it, a platform administrator's key included", async () => {
    const brief = await gateway.mintKey("--name", "brief", "--platform-admin", "--expires", "1h");
    const make = (body: object) => call("POST", "/auth/api-keys", brief, { name: "child", ...body });
    const at = (ms: number) => new Date(Date.now() + ms).toISOString();
    for (const body of [{}, { platform_admin: true }, { expires_at: at(7_200_000) }])
      expect((await make(body)).json.code).toBe("exceeds_creator");
    expect((await make({ expires_at: at(1_800_000), platform_admin: true })).status).toBe(201);
  });

  test("the first page of one's own keys begins with the first of them", async () => {
    await call("POST", "/auth/api-keys", keys.default.admin, { name: "of another" });
    const key = await gateway.mintKey("--name", "late", "--role", "user");
    const made = (await call("POST", "/auth/api-keys", key, { name: "own" })).json;
    const { items, next_cursor } = (await call("GET", "/auth/api-keys?limit=1", key)).json;
    expect([items.map(({ id }: { id: string }) => id), next_cursor]).toEqual([[made.id], null]);
  });

  test("revoked over HTTP, it works no more at once; the key itself is shown once", async () => {
    const { json } = await call("POST", "/auth/api-keys", keys.default.admin, {
      name: "brief",
      permissions: ["*:*"],
    });
    expect((await call("GET", "/auth/api-keys", json.key)).status).toBe(200);
    expect((await call("GET", `/auth/api-keys/${json.id}`, keys.default.admin)).text).not.toContain(json.key);
    expect((await call("DELETE", `/auth/api-keys/${json.id}`, keys.default.admin)).status).toBe(204);
    expect((await call("GET", "/auth/api-keys", json.key)).status).toBe(401);
    expect((await call("DELETE", `/auth/api-keys/${json.id}`, keys.default.admin)).status).toBe(409);
  });
});
