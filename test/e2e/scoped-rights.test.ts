import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  ends,
  MAPPING,
  mapping,
  type ScopedWorld,
  scopeOf,
  startScopedWorld,
  USERS,
} from "./scoped-world.ts";

// Nobody's rights grow by acts that scopes permit: in the organisation `there`, whose mapping is set over the API.

const TIMEOUT_MS = 60_000;
const PASSWORD = "a password to be changed";
let world: ScopedWorld;
let operator: string;
let theirs: string;
const call = (...asked: Parameters<ScopedWorld["call"]>) => world.call(...asked);
const holding = (...asked: Parameters<ScopedWorld["holding"]>) => world.holding(...asked);

beforeAll(async () => {
  world = await startScopedWorld();
  ({ operator, theirs } = world);
}, TIMEOUT_MS);
afterAll(() => world?.stop(), TIMEOUT_MS);

const make = (body: object) => call("POST", USERS, theirs, body);

test("a user manager makes, promotes and takes over nobody whose rights exceed their own", async () => {
  const key = await holding(`${scopeOf("admin:user_management")} filed`);
  const create = (body: object) => call("POST", USERS, key, { username: crypto.randomUUID(), ...body });
  expect(
    await ends(
      create({ role: "admin" }),
      create({ permissions: ["*:*"] }),
      create({ permissions: ["own:*", "other:read"] }),
      create({ platform_admin: true }),
      create({ permissions: ["admin:*"] }),
      create({ permissions: ["own:read"], password: PASSWORD }),
      create({ role: "viewer" }),
    ),
  ).toEqual([
    ...["exceeds_creator", "exceeds_creator", "exceeds_creator", "forbidden", "invalid_request"],
    ...[201, 201],
  ]);

  const { id: boss } = (await make({ username: "boss", role: "admin", password: PASSWORD })).json;
  const { id: wide } = (await make({ username: "wide", permissions: ["other:*"], password: PASSWORD })).json;
  const { id: slim } = (await make({ username: "slim", permissions: ["own:a"], password: PASSWORD })).json;
  const own = (await call("GET", "/auth/profile", key)).json.user.id;
  const change = (id: string, body: object) => call("PUT", `${USERS}/${id}`, key, body);
  expect(
    await ends(
      ...[{ email: null }, { password: PASSWORD }, { role: "user" }, { active: false }].map((body) =>
        change(boss, body),
      ),
      call("DELETE", `${USERS}/${boss}`, key),
    ),
  ).toEqual(Array(5).fill("exceeds_creator"));
  expect(
    await ends(
      change(slim, { role: "admin" }),
      change(slim, { permissions: ["own:a", "other:read"] }),
      change(slim, { platform_admin: true }),
      change(wide, { password: PASSWORD }),
      change(wide, { password: PASSWORD, permissions: ["own:*", "other:*"] }),
      change(own, { role: "admin" }),
      change(own, { permissions: ["*:*"] }),
      change(own, { permissions: ["own:*", "filed:*"] }),
      change(own, { permissions: ["admin:*"] }),
    ),
  ).toEqual([
    ...["exceeds_creator", "exceeds_creator", "forbidden", "exceeds_creator", "exceeds_creator"],
    ...["exceeds_creator", "exceeds_creator", "exceeds_creator", "invalid_request"],
  ]);
  // Of a scope's, which ends with the token, nothing stays behind.
  expect((await create({ permissions: ["filed:read"] })).json.detail).toContain("a scope's of your token");
  // What it has stays; what is within their own rights is theirs to do.
  expect(
    await ends(
      change(wide, { email: "wide@example.org", permissions: ["other:*", "own:a"] }),
      change(wide, { active: false }),
      change(slim, { password: PASSWORD }),
      change(slim, { permissions: ["own:*"] }),
    ),
  ).toEqual([200, 200, 200, 200]);
  expect(await ends(call("DELETE", `${USERS}/${slim}`, key))).toEqual([204]);
  expect(
    (
      await call("POST", "/auth/login", undefined, {
        ...{ organization: "there", username: "boss", password: PASSWORD },
      })
    ).status,
  ).toBe(200);
});

test("a viewer who manages users makes viewers, and sets no user's password", async () => {
  const key = await holding(`${scopeOf("admin:user_management")} filed`, "viewer");
  const { id } = (await make({ username: "plain" })).json;
  expect(
    await ends(
      call("POST", USERS, key, { username: "plainer" }),
      call("POST", USERS, key, { username: "plainer", role: "viewer" }),
      call("PUT", `${USERS}/${id}`, key, { password: PASSWORD }),
    ),
  ).toEqual(["exceeds_creator", 201, "exceeds_creator"]);
});

test("a key manager makes no wider key, signs for no wider application, and revokes no administrator's key", async () => {
  const key = await holding(`${scopeOf("admin:key_management")} filed`);
  const create = (body: object) => call("POST", "/auth/api-keys", key, { name: "k", ...body });
  expect(
    await ends(
      ...[{ role: "admin" }, { permissions: ["*:*"] }, { platform_admin: true }].map(create),
      create({ permissions: ["admin:*"] }),
      create({ type: "a2a", permissions: ["other:*"] }),
      create({ type: "a2a", permissions: ["filed:*"] }),
    ),
  ).toEqual([...Array(3).fill("exceeds_creator"), "invalid_request", ...Array(2).fill("exceeds_creator")]);
  const own = await create({ type: "a2a", permissions: ["own:*"] });
  expect(own.status).toBe(201);
  const keyOf = async (body: object) =>
    (await call("POST", "/auth/api-keys", theirs, { name: "k", type: "a2a", role: "user", ...body })).json.id;
  const [wide, narrow, admins] = await Promise.all(
    [{ permissions: ["other:*"] }, { permissions: ["own:a"] }, { role: "admin" }].map(keyOf),
  );
  const keys = [{ kty: "OKP", crv: "Ed25519", kid: "k", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }];
  const sign = (id: string) => call("PUT", `/auth/api-keys/${id}/jwks`, key, { keys });
  const revoke = (id: string) => call("DELETE", `/api/admin/api-keys/${id}`, key);
  expect(await ends(sign(wide), sign(admins), revoke(admins), sign(narrow), revoke(wide))).toEqual([
    ...["exceeds_creator", "exceeds_creator", "exceeds_creator", 204, 204],
  ]);
  // A key has no scopes, so it administers nothing.
  expect(await ends(call("GET", "/api/admin/api-keys", own.json.key))).toEqual(["forbidden"]);
});

test("a mapping permits nothing beyond its writer, and is removed by who may do everything", async () => {
  const key = await holding(`${scopeOf("admin:claim_management")} filed`);
  const put = (permissions: object, options?: object) =>
    call("PUT", MAPPING, key, { permissions, ...(options !== undefined && { options }) });
  const before = (await call("GET", MAPPING, theirs)).json.permissions;
  expect(
    await ends(
      put({ "admin:*": ["filed"] }),
      put({ "admin:claim_mapping.*": ["filed"], "admin:user.create": ["filed"] }),
      put({ "*:*": ["filed"] }),
      put({ "filed:*": ["filed"] }, { default_scope: "filed" }),
      call("DELETE", MAPPING, key),
    ),
  ).toEqual(Array(5).fill("exceeds_creator"));
  const viewer = await holding(`${scopeOf("admin:claim_management")} filed`, "viewer");
  expect(await ends(call("PUT", MAPPING, viewer, { permissions: { "filed:*": ["x"] } }))).toEqual([
    "exceeds_creator",
  ]);
  expect((await call("GET", MAPPING, theirs)).json.permissions).toEqual(before);
  const own = { "filed:read": ["x"], "admin:claim_management": [scopeOf("admin:claim_management")] };
  expect(await ends(put(own))).toEqual([200]);
  // At once: what let the caller in is what holds now.
  expect([await ends(put({})), await ends(put({}))]).toEqual([[200], ["forbidden"]]);
  expect((await call("PUT", MAPPING, theirs, mapping)).status).toBe(200);
});

test("a policy manager routes nobody to a server beyond their own patterns", async () => {
  const scopes = `${scopeOf("admin:policy_management")} filed`;
  const [key, viewer] = await Promise.all([holding(scopes), holding(scopes, "viewer")]);
  const server = { type: "streamable-http", url: "http://127.0.0.1:9/mcp" };
  for (const name of ["filed", "filed-2", "secret"])
    expect((await call("POST", "/gateway/servers", theirs, { ...server, name })).status).toBe(201);
  const route = (to: string, over = {}) => ({
    ...{ name: `to-${to}`, effect: "route", resources: ["filed:*"], route: { server: to }, ...over },
  });
  expect(
    await ends(
      call("POST", "/policies", key, route("secret")),
      call("POST", "/policies", key, route("secret", { active: false })),
      call("POST", "/policies", viewer, route("filed", { resources: ["secret:*"] })),
      call("POST", "/policies", key, { name: "plain", effect: "deny", subjects: ["user:x"] }),
      call("POST", "/policies", key, route("filed", { resources: ["secret:*"], subjects: ["user:x"] })),
    ),
  ).toEqual(["exceeds_creator", "exceeds_creator", "exceeds_creator", 201, 201]);
  const made = await call("POST", "/policies", theirs, route("secret", { subjects: ["user:x"] }));
  expect(made.status).toBe(201);
  const change = (body: object) => call("PUT", `/policies/${made.json.id}`, key, body);
  expect(await ends(change({ subjects: ["*"] }), change({ description: "mine" }))).toEqual([
    ...["exceeds_creator", "exceeds_creator"],
  ]);
  expect(await ends(call("DELETE", `/policies/${made.json.id}`, key))).toEqual([204]);
});

test("who may everything is bound as an administrator is; the other tenant's objects are not there", async () => {
  const key = await holding(scopeOf("admin:*"));
  const admin = await call("POST", USERS, key, { username: "second", role: "admin", permissions: ["*:*"] });
  const { id: elsewhere } = (await call("POST", USERS, operator, { username: "elsewhere" })).json;
  expect([
    admin.status,
    ...(await ends(
      call("POST", USERS, key, { username: "third", platform_admin: true }),
      call("PUT", `${USERS}/${elsewhere}`, key, { active: false }),
      call("GET", "/api/admin/organizations?organization=default", key),
      call("GET", "/gateway/servers?organization=default", key),
      call("POST", "/api/admin/organizations", key, { slug: "x", name: "x" }),
    )),
  ]).toEqual([201, "forbidden", "not_found", "invalid_request", "not_found", "forbidden"]);
  const organizations = (await call("GET", "/api/admin/organizations", key)).json.items;
  expect(organizations.map(({ id }: { id: string }) => id)).toEqual([
    (await call("GET", "/auth/profile", key)).json.organization_id,
  ]);
  const { items } = (await call("GET", `${USERS}?limit=1000`, key)).json;
  expect(items.some(({ username }: { username: string }) => username === "elsewhere")).toBe(false);
  const stdio = { name: "s", type: "stdio", command: "true" };
  expect(await ends(call("POST", "/gateway/servers", key, stdio))).toEqual(["forbidden"]);
  // A scope of one tenant's mapping is nothing in another's.
  const other = await world.token({ org: "default", scope: scopeOf("admin:*") });
  expect((await call("GET", "/api/admin/sessions", other)).json.code).toBe("forbidden");
});
