import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { AdminClient } from "../../src/client/admin-client.ts";
import { type Answer, newPerson, request, toolCall } from "./administration.ts";
import { eventually } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";
import { startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 30_000;
let upstream: Upstream;
let gateway: Gateway;
/** Of the organisation `default`. */
let operator: string;
let acmeAdmin: string;
let homeAdmin: string;

const call = (method: string, path: string, key?: string, body?: unknown, headers = {}) =>
  request(gateway.origin, method, path, key, body, headers);
/** As the platform administrator, in an organisation. */
const act = (organization: string, method: string, path: string, body?: unknown, headers = {}) => {
  const separator = path.includes("?") ? "&" : "?";
  return call(method, `${path}${separator}organization=${organization}`, operator, body, headers);
};
const made = ({ status, json, text }: Answer) => {
  expect([status, status === 201 ? "" : text]).toEqual([201, ""]);
  return json;
};
const refused = ({ status, json }: Answer) => [status, json.code, json.detail];
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const newOrganization = async (slug: string) =>
  made(await call("POST", "/api/admin/organizations", operator, { slug, name: slug }));
const keyIn = (organization: string, role: string, ...flags: string[]) =>
  gateway.mintKey("--name", role, "--role", role, "--organization", organization, ...flags);

beforeAll(async () => {
  upstream = await startFixture("both");
  gateway = await startGateway({
    servers: [],
    anonymous: false,
    settings: { limits: { failed_auth_per_minute: 10_000 } },
  });
  operator = await bootstrapKey(gateway);
  await newOrganization("acme");
  acmeAdmin = await keyIn("acme", "admin");
  homeAdmin = await keyIn("default", "admin");
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
}, TIMEOUT_MS);

const person = (organization: string, username: string, over: object) =>
  newPerson(gateway.origin, operator, { organization, username, ...over });

test("a new tenant is set up over the API alone, to the first call of its first user", async () => {
  await newOrganization("fresh");
  const admin = await person("fresh", "ada", { role: "admin" });
  expect((await call("GET", "/api/admin/users", admin.access)).json.items).toHaveLength(1);
  const body = { name: "tickets", type: "streamable-http", url: upstream.url };
  const server = made(await act("fresh", "POST", "/gateway/servers", body));
  const wanted = { name: "first", user_id: admin.id, permissions: ["*:*"] };
  const { key } = made(await act("fresh", "POST", "/auth/api-keys", wanted));
  await eventually("it is ready", async () =>
    (await act("fresh", "GET", `/gateway/servers/${server.id}`)).json.status.status === "ready"
      ? true
      : undefined,
  );
  const answer = await toolCall(gateway.origin, "/servers/tickets/mcp", key, "test_echo", { nonce: "n" });
  expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('"content"')]);
});

describe("what is made there", () => {
  test("is that organisation's: a key is a user's, an application's, or it ends", async () => {
    const bare = await act("acme", "POST", "/auth/api-keys", { name: "x" });
    expect(refused(bare)).toEqual([403, "exceeds_creator", expect.stringContaining("user_id")]);
    const brief = made(await act("acme", "POST", "/auth/api-keys", { name: "x", expires_at: inAnHour() }));
    const profile = (await call("GET", "/auth/profile", brief.key)).json;
    const { json: own } = await call("GET", "/auth/profile", acmeAdmin);
    expect([profile.organization_id, profile.platform_admin]).toEqual([own.organization_id, false]);
    expect((await call("GET", "/gateway/servers?organization=default", brief.key)).status).toBe(404);
    made(await act("acme", "POST", "/auth/api-keys", { name: "app", type: "a2a" }));
    expect((await call("GET", `/api/admin/api-keys/${brief.id}`, acmeAdmin)).json.id).toBe(brief.id);
    // Whoever made it finds it where it is, and not at home.
    expect((await act("acme", "GET", `/auth/api-keys/${brief.id}`)).status).toBe(200);
    expect((await call("GET", `/auth/api-keys/${brief.id}`, operator)).status).toBe(404);
  });

  test("a user's key follows the user, and has the user's role unless another is said", async () => {
    const { id } = await person("acme", "grace", { role: "viewer" });
    const { key, role, user_id } = made(
      await act("acme", "POST", "/auth/api-keys", { name: "hers", user_id: id }),
    );
    expect([role, user_id]).toEqual(["viewer", id]);
    const wide = made(
      await act("acme", "POST", "/auth/api-keys", { name: "wide", user_id: id, role: "admin" }),
    );
    expect((await call("GET", "/auth/profile", wide.key)).json.role).toBe("viewer");
    expect((await act("acme", "DELETE", `/api/admin/users/${id}`)).status).toBe(204);
    expect((await call("GET", "/auth/profile", key)).status).toBe(401);
  });

  test("nobody is made a platform administrator from elsewhere", async () => {
    const wanted = { name: "x", expires_at: inAnHour(), platform_admin: true };
    const user = { username: "root", platform_admin: true };
    expect(refused(await act("acme", "POST", "/auth/api-keys", wanted)).slice(0, 2)).toEqual([
      ...[403, "exceeds_creator"],
    ]);
    expect(refused(await act("acme", "POST", "/api/admin/users", user)).slice(0, 2)).toEqual([
      ...[403, "exceeds_creator"],
    ]);
    const { id } = made(await act("acme", "POST", "/api/admin/users", { username: "plain" }));
    const raised = await act("acme", "PUT", `/api/admin/users/${id}`, { platform_admin: true });
    expect(refused(raised).slice(0, 2)).toEqual([403, "exceeds_creator"]);
    expect((await act("default", "POST", "/api/admin/users", user)).status).toBe(201);
  });

  test("an administrator makes keys for users of its own, within its reach, and for no others", async () => {
    const make = (key: string, user_id: string, over = {}) =>
      call("POST", "/auth/api-keys", key, { name: "for another", user_id, ...over });
    const { id } = made(await call("POST", "/api/admin/users", acmeAdmin, { username: "eve" }));
    expect((await make(acmeAdmin, id)).json).toMatchObject({ user_id: id, role: "user" });
    const reasons = [
      await make(await keyIn("acme", "user"), id),
      await make(homeAdmin, id),
      await make(homeAdmin, crypto.randomUUID()),
      await make(acmeAdmin, id, { type: "a2a" }),
    ].map(refused);
    const unknown = [400, "invalid_request", expect.stringContaining("there is no such user")];
    expect(reasons).toEqual([
      [403, "exceeds_creator", expect.stringContaining("another user's key")],
      ...[unknown, unknown],
      [400, "invalid_request", expect.stringContaining("of keys of type user alone")],
    ]);
    const ruler = made(
      await call("POST", "/api/admin/users", operator, { username: "ruler", platform_admin: true }),
    );
    expect(refused(await make(homeAdmin, ruler.id)).slice(0, 2)).toEqual([403, "forbidden"]);
  });
});

describe("who binds a platform administrator elsewhere", () => {
  const policy = (over: object) => ({ effect: "deny", actions: ["user.create"], ...over });
  const create = async (organization: string, username: string) =>
    (await act(organization, "POST", "/api/admin/users", { username })).json.data?.policy ?? "created";

  test("the policies of the organisation acted in and those of its own; neither keeps it from policies", async () => {
    const { id: self } = (await call("GET", "/auth/profile", operator)).json;
    const theirs = made(await call("POST", "/policies", acmeAdmin, policy({ name: "theirs" })));
    expect([await create("acme", "a1"), await create("default", "a1")]).toEqual(["theirs", "created"]);
    const path = `/policies/${theirs.id}`;
    made(await call("POST", "/policies", acmeAdmin, policy({ name: "all", actions: ["policy.*"] })));
    expect((await act("acme", "DELETE", path)).status).toBe(204);
    const own = made(await call("POST", "/policies", homeAdmin, policy({ name: "own", subjects: [self] })));
    expect([await create("acme", "a2"), await create("default", "a2")]).toEqual(["own", "own"]);
    expect((await call("DELETE", `/policies/${own.id}`, homeAdmin)).status).toBe(204);
    expect(await create("acme", "a3")).toBe("created");
  });

  test("the limits of its own organisation alone: it uses up nothing of a tenant's", async () => {
    await newOrganization("small");
    const admin = await keyIn("small", "admin");
    const rule = { name: "tight", per: ["organization"], limit: 2, window_seconds: 3_600 };
    made(await call("POST", "/api/admin/rate-limits", admin, rule));
    for (let n = 0; n < 5; n++) expect((await act("small", "GET", "/gateway/servers")).status).toBe(200);
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await call("GET", "/gateway/servers", admin)).status);
    expect(statuses).toEqual([200, 200, 429]);
    const counted = made(
      await call("POST", "/auth/api-keys", operator, { name: "counted", platform_admin: true }),
    );
    const own = { ...rule, name: "own", per: ["key"], match: { key: [counted.id] } };
    made(await call("POST", "/api/admin/rate-limits", homeAdmin, own));
    const away = [];
    for (let n = 0; n < 3; n++)
      away.push((await call("GET", "/gateway/servers?organization=small", counted.key)).status);
    expect(away).toEqual([200, 200, 429]);
  });
});

test("an Idempotency-Key is of the organisation acted in; If-Match is of the object, wherever it is", async () => {
  await newOrganization("other");
  const headers = { "idempotency-key": "twice" };
  const create = (organization: string) =>
    act(organization, "POST", "/api/admin/namespaces", { slug: "lab" }, headers);
  const [first, again, other] = [await create("acme"), await create("acme"), await create("other")];
  expect([again.json.id, again.headers.get("idempotency-replayed")]).toEqual([first.json.id, "true"]);
  expect([other.status, other.json.id === first.json.id]).toEqual([201, false]);
  const location = other.headers.get("location") as string;
  const shown = await call("GET", location, operator);
  expect([shown.json.id, shown.headers.get("etag")]).toEqual([other.json.id, other.headers.get("etag")]);
  const tag = { "if-match": shown.headers.get("etag") as string };
  const path = `/api/admin/namespaces/${other.json.id}`;
  const change = (description: string) => act("other", "PUT", path, { description }, tag);
  expect([(await change("a")).status, (await change("b")).status]).toEqual([200, 412]);
});

describe("an organisation that is not active", () => {
  test("is administered by platform administrators, though nobody of it may do anything", async () => {
    const { id } = await newOrganization("quiet");
    const admin = await keyIn("quiet", "admin");
    await act("quiet", "POST", "/api/admin/namespaces", { slug: "lab" });
    const body = { name: "inside", type: "streamable-http", url: upstream.url, namespace: "lab" };
    const server = made(await act("quiet", "POST", "/gateway/servers", body));
    const path = `/api/admin/organizations/${id}`;
    expect((await call("PUT", path, operator, { active: false })).status).toBe(200);
    expect((await call("GET", "/gateway/servers", admin)).status).toBe(401);

    const { json: servers } = await act("quiet", "GET", "/gateway/servers");
    expect(servers.items).toEqual([expect.objectContaining({ id: server.id, namespace: "lab" })]);
    const { json: keys } = await act("quiet", "GET", "/api/admin/api-keys");
    for (const key of keys.items)
      expect((await act("quiet", "DELETE", `/api/admin/api-keys/${key.id}`)).status).toBe(204);
    made(await act("quiet", "POST", "/gateway/servers", { ...body, name: "later" }));
    made(await act("quiet", "POST", "/policies", { name: "none", effect: "deny", namespace: "lab" }));
    for (const list of ["/admin/logs?kind=event", "/admin/stats", "/api/admin/claim-mapping", "/policies"])
      expect([list, (await act("quiet", "GET", list)).status]).toEqual([list, 200]);

    expect((await call("PUT", path, operator, { active: true })).status).toBe(200);
    expect((await call("GET", "/gateway/servers", admin)).status).toBe(401);
  });
});

describe("the record", () => {
  const events = async (key: string, filter: string, count: number) =>
    eventually("it is recorded", async () => {
      const { json } = await call("GET", `/admin/logs?kind=event&limit=1000&${filter}`, key);
      return json.items.length >= count ? json.items : undefined;
    });

  test("shows a tenant's administrators that an operator read, changed, and was refused", async () => {
    const { json: self } = await call("GET", "/auth/profile", operator);
    await act("acme", "GET", "/api/admin/users");
    await act("acme", "GET", `/api/admin/users/${crypto.randomUUID()}`);
    const items = await events(acmeAdmin, `actor=${self.id}&action=user.list`, 1);
    const actor_organization = { id: self.organization_id, slug: "default" };
    expect(items[0].detail).toEqual({ outcome: "ok", actor_organization });
    const [missed] = await events(acmeAdmin, `actor=${self.id}&action=user.get`, 1);
    expect(missed.detail).toEqual({ outcome: "not_found", actor_organization });
  });

  test("shows what its own organisation's policies keep somebody from at home, where they are no secret", async () => {
    const { json: self } = await call("GET", "/auth/profile", operator);
    const rule = { name: "homely", effect: "deny", actions: ["session.list"], subjects: [self.id] };
    const { id } = made(await call("POST", "/policies", homeAdmin, rule));
    expect((await act("acme", "GET", "/api/admin/sessions")).json.data).toEqual({ policy: "homely" });
    const [denied] = await events(homeAdmin, "target=organization:acme&action=session.list", 1);
    expect(denied.detail).toEqual({ outcome: "denied_by_policy", policy: "homely" });
    await act("acme", "GET", "/gateway/servers");
    const theirs = await events(acmeAdmin, `actor=${self.id}&action=server.list`, 1);
    expect(JSON.stringify(theirs)).not.toContain("homely");
    expect((await call("GET", "/admin/logs?kind=event&action=session.list", acmeAdmin)).json.items).toEqual(
      [],
    );
    await call("DELETE", `/policies/${id}`, homeAdmin);
  });

  test("shows at home who tried to read elsewhere, whether or not there is such an organisation", async () => {
    const reader = await keyIn("default", "viewer");
    const { id: actor } = (await call("GET", "/auth/profile", reader)).json;
    for (const slug of ["acme", "nowhere"]) {
      expect((await call("GET", `/gateway/servers?organization=${slug}`, reader)).status).toBe(404);
      const [tried] = await events(homeAdmin, `target=organization:${slug}&actor=${actor}`, 1);
      expect([tried.action, tried.status, tried.error_code]).toEqual(["server.list", "refused", "not_found"]);
    }
    expect((await call("GET", `/admin/logs?kind=event&actor=${actor}`, acmeAdmin)).json.items).toEqual([]);
  });

  test("shows at home who tried to change something elsewhere, and nothing there", async () => {
    const { id: actor } = (await call("GET", "/auth/profile", homeAdmin)).json;
    await call("POST", "/api/admin/users?organization=acme", homeAdmin, { username: "intruder" });
    const [tried] = await events(homeAdmin, `target=organization:acme&actor=${actor}`, 1);
    expect([tried.action, tried.status, tried.error_code]).toEqual(["user.create", "refused", "not_found"]);
    expect((await call("GET", "/api/admin/users", acmeAdmin)).text).not.toContain("intruder");
    const { items } = (await call("GET", "/admin/logs?kind=event&target=organization:acme", acmeAdmin)).json;
    expect(items).toEqual([]);
  });
});

test("the typed client acts in another organisation where it is told to, page after page", async () => {
  const client = new AdminClient(gateway.origin, () => operator);
  const acme = client.within("acme");
  for (const slug of ["p1", "p2", "p3"]) await acme.call("namespaces-create", { body: { slug } });
  const found: string[] = [];
  for await (const { slug } of acme.items("namespaces-list", { query: { limit: 2 } })) found.push(slug);
  expect(found).toEqual(expect.arrayContaining(["default", "p1", "p2", "p3"]));
  expect((await client.call("namespaces-list", {})).items.map(({ slug }) => slug)).toEqual(["default"]);
  const named = await client.call("namespaces-list", { query: { organization: "acme" } });
  expect(named.items.length).toBe(found.length);
  expect((await acme.call("profile-get", {})).platform_admin).toBe(true);
});
