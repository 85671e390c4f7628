import { afterAll, beforeAll, expect, test } from "bun:test";
import { request, toolCall } from "./administration.ts";
import { eventually } from "./child.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 30_000;
let upstream: Upstream;
let gateway: Gateway;
const keys = new Map<string, string>();

const call = (method: string, path: string, key: string, body?: unknown, headers = {}) =>
  request(gateway.origin, method, path, key, body, headers);
const keyOf = (name: string): string => keys.get(name) ?? "";

/** What the live endpoint does, in the words of an explanation. */
async function live(key: string, nonce: string): Promise<string> {
  const { json } = await toolCall(gateway.origin, "/mcp", key, "filed__test_echo", { nonce });
  if (json.result !== undefined) return "allow";
  return (
    { policy_denied: "deny", tool_unknown: "hidden" }[json.error.data.code as string] ?? json.error.data.code
  );
}

beforeAll(async () => {
  upstream = await startFixture("both");
  gateway = await startGateway({
    servers: [
      { ...fixtureEntry("filed", upstream, "streamable-http"), audit: { content: "full" } },
      { ...fixtureEntry("away", upstream, "streamable-http"), namespace: "elsewhere" },
    ],
    anonymous: false,
    settings: {
      auth: {
        permissions: { "filed:test_echo": ["scope:echo", "scope:all"] },
        options: { scope_mode: "any" },
      },
      policies: {
        default: "allow",
        rules: [
          {
            name: "no-secrets",
            effect: "deny",
            resources: ["filed:test_echo"],
            condition: 'args.nonce == "secret"',
          },
          { name: "nothing-for-api", effect: "deny", subjects: ["role:api_user"], resources: ["filed:*"] },
        ],
      },
    },
  });
  const mint = async (name: string, ...options: string[]) => {
    keys.set(name, await gateway.mintKey("--name", name, ...options));
  };
  await mint("admin", "--role", "admin", "--permission", "*:*");
  await mint("user", "--role", "user", "--permission", "other:*", "--permission", "filed:test_*");
  await mint("narrow", "--role", "user", "--permission", "filed:test_simple_text");
  await mint("viewer", "--role", "viewer", "--permission", "filed:*");
  await mint("api", "--role", "api_user", "--permission", "filed:*");
  await mint("bound", "--role", "user", "--permission", "filed:*", "--namespace", "elsewhere");
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
});

const tried = (nonce?: string) => ({
  server: "filed",
  tool: "test_echo",
  ...(nonce !== undefined && { arguments: { nonce } }),
});

async function idOf(name: string): Promise<string> {
  const { items } = (await call("GET", "/api/admin/api-keys?limit=1000", keyOf("admin"))).json;
  return items.find((item: { name: string }) => item.name === name).id;
}

test.each([
  ["admin", "plain", "allow", undefined],
  ["admin", "secret", "deny", "policies"],
  ["user", "plain", "allow", undefined],
  ["user", "secret", "deny", "policies"],
  ["narrow", "plain", "hidden", "permissions"],
  ["viewer", "plain", "hidden", "role"],
  ["api", "plain", "hidden", "policies"],
  ["bound", "plain", "hidden", "namespace"],
])(
  "%s calling with %s: explained as it is done",
  async (name, nonce, verdict, refusing) => {
    const { json } = await call("POST", "/policies/explain", keyOf("admin"), {
      principal: { key_id: await idOf(name) },
      call: tried(nonce),
    });
    expect([json.verdict, await live(keyOf(name), nonce)]).toEqual([verdict, verdict]);
    const refusals = json.steps.filter(({ outcome }: { outcome: string }) => outcome === "refuses");
    expect(refusals.map(({ step }: { step: string }) => step)).toEqual(
      refusing === undefined ? [] : [refusing],
    );
    expect(json.steps.map(({ step }: { step: string }) => step)).toEqual([
      "namespace",
      "role",
      "permissions",
      "scopes",
      "policies",
      "route",
    ]);
  },
  TIMEOUT_MS,
);

test("a token's scopes are part of the answer, and those that are missing are named", async () => {
  const ask = async (scopes: string[]) => {
    const principal = { role: "user", scopes };
    return (await call("POST", "/policies/explain", keyOf("admin"), { principal, call: tried("plain") }))
      .json;
  };
  expect(await ask(["scope:echo"])).toMatchObject({ verdict: "allow", granted: true });
  const refused = await ask(["scope:other"]);
  expect(refused).toMatchObject({ verdict: "hidden", granted: false });
  expect(refused.steps[3]).toEqual({
    step: "scopes",
    outcome: "refuses",
    detail: "it takes scope:echo scope:all",
  });
});

test("who may call: every key and user once, whatever the page; depends without arguments, decided with them", async () => {
  const all = async (body: object, limit: number) => {
    const found: { name: string; answer: string }[] = [];
    for (let cursor: string | undefined; ; ) {
      const { status, json } = await call("POST", "/policies/who", keyOf("admin"), {
        ...body,
        limit,
        cursor,
      });
      expect(status).toBe(200);
      expect(json.scopes).toEqual(["scope:echo", "scope:all"]);
      found.push(...json.items);
      if (json.next_cursor === null) break;
      cursor = json.next_cursor;
    }
    return Object.fromEntries(
      found.filter(({ name }) => keys.has(name)).map(({ name, answer }) => [name, answer]),
    );
  };
  const answers = ["allow", "deny", "hidden", "depends"];
  const open = {
    admin: "depends",
    user: "depends",
    narrow: "hidden",
    viewer: "hidden",
    api: "hidden",
    bound: "hidden",
  };
  for (const limit of [1, 2, 100]) expect(await all({ call: tried(), answers }, limit)).toEqual(open);
  expect(await all({ call: tried("plain") }, 3)).toEqual({ admin: "allow", user: "allow" });
  expect(await all({ call: tried("secret"), answers: ["deny"] }, 3)).toEqual({ admin: "deny", user: "deny" });
});

test("recorded calls are decided by their time, their address, and their arguments where these were recorded", async () => {
  await live(keyOf("user"), "replayed");
  await live(keyOf("user"), "other");
  const flipsOf = async (condition: string) => {
    const policies = [{ name: "proposed", effect: "deny", resources: ["filed:*"], condition }];
    const { status, json } = await call("POST", "/policies/replay", keyOf("admin"), { policies });
    expect([status, json.complete, json.next_cursor]).toEqual([200, true, null]);
    return json;
  };
  await eventually("the last call is recorded, with its arguments", async () =>
    (await flipsOf('args.nonce == "other"')).flips.length === 1 ? true : undefined,
  );
  const byAddress = await flipsOf('client_address == "127.0.0.1"');
  // Those two, and the two that were allowed above.
  expect(byAddress.flips).toHaveLength(4);
  expect(byAddress.flips[0]).toMatchObject({ before: "allow", after: "deny", decided_by: "proposed" });
  expect(byAddress.flips.length).toBe(
    (await flipsOf('time > timestamp("2020-01-01T00:00:00Z")')).flips.length,
  );
  expect((await flipsOf('time < timestamp("2020-01-01T00:00:00Z")')).flips).toEqual([]);
  const byArguments = await flipsOf('args.nonce == "replayed"');
  // Of the two that were refused above no arguments were recorded.
  expect([byArguments.flips.length, byArguments.undecidable]).toEqual([1, 2]);
  const cursor = Buffer.from("[1,2]").toString("base64url");
  const proposal = { policies: [{ name: "p", effect: "deny", resources: ["filed:*"] }], cursor };
  expect((await call("POST", "/policies/replay", keyOf("admin"), proposal)).status).toBe(400);
}, 30_000);

test("who may call is for administrators, and a cursor is one of ours", async () => {
  const body = { call: tried() };
  expect((await call("POST", "/policies/who", keyOf("viewer"), body)).status).toBe(403);
  for (const cursor of ["x", Buffer.from("key:1").toString("base64url")])
    expect((await call("POST", "/policies/who", keyOf("admin"), { ...body, cursor })).status).toBe(400);
});

test(
  "who somebody is, is what the gateway itself takes them for: name, password still to change, user gone",
  async () => {
    const admin = keyOf("admin");
    const given = { password: "first password 1", permissions: ["filed:*"] };
    const explained = (principal: object, more = {}) =>
      call("POST", "/policies/explain", admin, { principal, call: tried("plain"), ...more });
    const shown = async () => {
      const { json } = await call("POST", "/policies/who", admin, { call: tried("plain") });
      return json.items.map(({ name }: { name: string }) => name);
    };

    const { id } = (await call("POST", "/api/admin/users", admin, { username: "ada", ...given })).json;
    const login = async (password: string) => {
      const body = { username: "ada", password };
      return (await call("POST", "/auth/login", "", body)).json.access_token as string;
    };
    expect((await explained({ user_id: id })).json.verdict).toBe("hidden");
    expect(await live(await login(given.password), "plain")).toBe("hidden");
    expect(await shown()).not.toContain("ada");

    const change = { current_password: given.password, new_password: "correct horse battery" };
    expect((await call("POST", "/auth/password", await login(given.password), change)).status).toBe(204);
    const token = await login(change.new_password);
    const mine = { name: "ada's", permissions: ["filed:*"] };
    const { key, ...stored } = (await call("POST", "/auth/api-keys", token, mine)).json;
    expect((await explained({ user_id: id })).json.verdict).toBe("allow");
    expect(await shown()).toEqual(expect.arrayContaining(["ada", "ada's"]));
    const condition = `principal.name == "${key.slice(0, stored.prefix.length)}"`;
    const policies = [{ name: "by-name", effect: "deny", resources: ["filed:*"], condition }];
    expect((await explained({ key_id: stored.id }, { policies })).json.decided_by).toBe("by-name");

    expect((await call("PUT", `/api/admin/users/${id}`, admin, { active: false })).status).toBe(200);
    expect((await call("POST", "/mcp", key, {})).status).toBe(401);
    for (const principal of [{ user_id: id }, { key_id: stored.id }])
      expect((await explained(principal)).status).toBe(409);
    const names = await shown();
    expect([names.includes("ada"), names.includes("ada's")]).toEqual([false, false]);
  },
  TIMEOUT_MS,
);
