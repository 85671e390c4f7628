import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { request } from "./administration.ts";
import { eventually } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";

// Acts of administration under policies: of the file for the organisation `default`, of the API for `acme`.

const TIMEOUT_MS = 30_000;
let gateway: Gateway;
let operator: string;
const keys = {} as Record<"filed" | "acme" | "acmeUser" | "root", string>;

const call = (method: string, path: string, key: string, body?: unknown) =>
  request(gateway.origin, method, path, key, body);
const serverBody = (name: string, over = {}) => ({
  ...{ name, type: "streamable-http", url: "http://127.0.0.1:9/mcp" },
  ...over,
});
/** Makes it, asks, and removes it again. */
async function under<T>(policy: object, ask: (id: string) => Promise<T>): Promise<T> {
  const made = await call("POST", "/policies", keys.acme, { name: "trial", effect: "deny", ...policy });
  expect([made.status, made.text]).toEqual([201, expect.any(String)]);
  try {
    return await ask(made.json.id);
  } finally {
    expect((await call("DELETE", `/policies/${made.json.id}`, keys.root)).status).toBe(204);
  }
}
const ends = async (...all: Promise<{ status: number; json: { code?: string } }>[]) =>
  (await Promise.all(all)).map(({ status, json }) => (status === 403 ? json.code : status));

beforeAll(async () => {
  gateway = await startGateway({
    servers: [],
    anonymous: false,
    settings: {
      policies: {
        default: "deny",
        rules: [
          { name: "no-users", effect: "deny", actions: ["user.create"], subjects: ["role:admin"] },
          { name: "no-prod", effect: "deny", actions: ["server.*"], resources: ["server:prod-*"] },
          { name: "no-look", effect: "deny", actions: ["policy.get"], resources: ["policy:canary"] },
          { name: "canary", effect: "route", resources: ["old:*"], route: { server: "new" } },
        ],
      },
    },
  });
  operator = await bootstrapKey(gateway);
  const acme = await call("POST", "/api/admin/organizations", operator, { slug: "acme", name: "Acme" });
  expect(acme.status).toBe(201);
  keys.filed = await gateway.mintKey("--name", "admin", "--role", "admin");
  keys.acme = await gateway.mintKey("--name", "admin", "--role", "admin", "--organization", "acme");
  keys.root = await gateway.mintKey("--name", "root", "--platform-admin", "--organization", "acme");
  keys.acmeUser = (await call("POST", "/auth/api-keys", keys.acme, { name: "user", role: "user" })).json.key;
}, TIMEOUT_MS);
afterAll(() => gateway?.stop(), TIMEOUT_MS);

describe("of the file", () => {
  test("name its routes like its other policies", async () => {
    const { json } = await call("GET", "/policies", keys.filed);
    const idOf = (wanted: string) => json.items.find(({ name }: { name: string }) => name === wanted).id;
    const look = (name: string) => call("GET", `/policies/${idOf(name)}`, keys.filed);
    expect(await ends(look("canary"), look("no-look"))).toEqual(["denied_by_policy", 200]);
  });

  test("deny its organisation the act, name themselves, and stand in the record; no other tenant is touched", async () => {
    const refused = await call("POST", "/api/admin/users", keys.filed, { username: "nobody" });
    expect([refused.status, refused.json.code, refused.json.data]).toEqual([
      ...[403, "denied_by_policy", { policy: "no-users" }],
    ]);
    expect(refused.json.detail).toBe("Denied by policy no-users.");
    expect((await call("POST", "/api/admin/users", keys.acme, { username: "somebody" })).status).toBe(201);
    const event = await eventually("the refusal is recorded", async () => {
      const { json } = await call("GET", "/admin/logs?kind=event&limit=1000", keys.filed);
      return json.items.find((one: { id: string }) =>
        JSON.stringify(one).includes(refused.json.correlation_id),
      );
    });
    expect(JSON.stringify(event)).toContain("denied_by_policy");
    expect(event).toMatchObject({ detail: { outcome: "denied_by_policy", policy: "no-users" } });
  });

  test("name objects: made, renamed, changed and removed under the name, and no others", async () => {
    const create = (name: string) => call("POST", "/gateway/servers", keys.filed, serverBody(name));
    const test1 = await create("test-1");
    expect(test1.status).toBe(201);
    const path = `/gateway/servers/${test1.json.id}`;
    expect(
      await ends(
        create("prod-1"),
        call("PUT", path, keys.filed, { name: "prod-1" }),
        call("POST", "/gateway/servers/test", keys.filed, serverBody("prod-2")),
      ),
    ).toEqual(["denied_by_policy", "denied_by_policy", "denied_by_policy"]);
    expect((await call("PUT", path, keys.filed, { name: "test-2" })).status).toBe(200);
    expect((await call("GET", "/gateway/servers", keys.filed)).status).toBe(200);
    expect((await call("POST", "/gateway/servers", keys.filed, "{")).status).toBe(400);
    expect((await call("DELETE", path, keys.filed)).status).toBe(204);
  });

  test("are live within a second of a change", async () => {
    const path = join(gateway.folder, "gateway.yaml");
    const before = await readFile(path, "utf8");
    const create = () => call("POST", "/api/admin/users", keys.filed, { username: "late" });
    expect((await create()).status).toBe(403);
    const since = performance.now();
    await writeFile(path, before.replace("user.create", "user.delete"));
    await eventually("the act is permitted", async () => (await create()).status === 201 || undefined);
    expect(performance.now() - since).toBeLessThan(1_000);
    await writeFile(path, before);
    await eventually("the act is denied", async () => (await create()).status === 403 || undefined);
  });

  test("that name what there is not are refused with their place, and the old ones stay", async () => {
    const path = join(gateway.folder, "gateway.yaml");
    const before = await readFile(path, "utf8");
    await writeFile(path, before.replace("user.create", "user.craete"));
    try {
      await expect(gateway.run("config", "validate")).rejects.toThrow(
        /policies\.rules\[0\]\.actions\[0\].*user\.create/s,
      );
    } finally {
      await writeFile(path, before);
    }
  });
});

describe("of the API", () => {
  test("are in force at once, for whom they name, and gone at once", async () => {
    const list = () => call("GET", "/api/admin/users", keys.acme);
    const seen = await under({ actions: ["user.*"], subjects: ["role:admin"] }, () =>
      ends(list(), call("GET", "/gateway/servers", keys.acme), call("GET", "/api/admin/users", keys.filed)),
    );
    expect(seen).toEqual(["denied_by_policy", 200, 200]);
    expect((await list()).status).toBe(200);
  });

  test("by namespace, of the policy and in a condition", async () => {
    await call("POST", "/api/admin/namespaces", keys.acme, { slug: "team" });
    const create = (namespace: string, name: string) =>
      call("POST", "/gateway/servers", keys.acme, serverBody(name, { namespace }));
    const one = await create("team", "one");
    const remove = () => call("DELETE", `/gateway/servers/${one.json.id}`, keys.acme);
    const rules = [
      { namespace: "team", actions: ["server.create", "server.delete"] },
      { actions: ["server.create", "server.delete"], resources: ["team/server:*"] },
      { actions: ["server.create", "server.delete"], condition: 'target.namespace == "team"' },
    ];
    for (const [index, rule] of rules.entries()) {
      const seen = await under(rule, () =>
        ends(create("team", "two"), create("default", `three-${index}`), remove()),
      );
      expect(seen).toEqual(["denied_by_policy", 201, "denied_by_policy"]);
    }
    expect((await remove()).status).toBe(204);
  });

  test("by the client's address and the time", async () => {
    const get = () => call("GET", "/gateway/servers", keys.acme);
    const asked = async (condition: string) =>
      (await under({ actions: ["server.list"], condition }, () => ends(get())))[0];
    expect(await asked('client_address.startsWith("127.") || client_address == "::1"')).toBe(
      "denied_by_policy",
    );
    expect(await asked('client_address == "203.0.113.1"')).toBe(200);
    expect(await asked('time > timestamp("2020-01-01T00:00:00Z")')).toBe("denied_by_policy");
  });

  test("an allow opens nothing; where the default is deny it keeps its act to those it names", async () => {
    const rule = { effect: "allow", actions: ["user.*", "server.list"], subjects: ["role:user"] };
    const seen = await under(rule, () =>
      ends(
        call("GET", "/api/admin/users", keys.acmeUser),
        call("GET", "/gateway/servers", keys.acmeUser),
        call("GET", "/gateway/servers", keys.acme),
        call("GET", "/api/admin/namespaces", keys.acme),
      ),
    );
    expect(seen).toEqual(["forbidden", 200, "denied_by_policy", 200]);
  });

  test("400: conditions on arguments and tools, with their place; acts and objects there are none of; a mixture", async () => {
    for (const [over, says] of [
      [
        { actions: ["server.*"], condition: 'true && args.name == "x"' },
        "condition: line 1, column 9: an act",
      ],
      [{ actions: ["server.*"], condition: 'tool.name == "x"' }, "condition: line 1, column 1: an act"],
      [{ actions: ["server.remove"] }, "actions.0"],
      [{ actions: ["call", "server.create"] }, "actions.0"],
      [{ actions: ["server.*"], resources: ["*", "user:x"] }, "resources.1"],
      [{ actions: ["call"], resources: ["rate_limit:x"] }, "resources.0"],
    ] as const) {
      const answer = await call("POST", "/policies", keys.acme, { name: "wrong", effect: "deny", ...over });
      expect([answer.status, answer.json.detail]).toEqual([400, expect.stringContaining(says)]);
    }
    const rule = { actions: ["call"], condition: 'has(args.x) && args.x == "1"' };
    await under(rule, async (id) => {
      const answer = await call("PUT", `/policies/${id}`, keys.acme, { actions: ["server.create"] });
      expect([answer.status, answer.json.detail]).toEqual([400, expect.stringContaining("column 5")]);
    });
  });
});

test("nobody is locked out: a platform administrator, made on the command line, undoes what closes everything", async () => {
  const made = await call("POST", "/policies", keys.acme, {
    name: "closed",
    effect: "deny",
    actions: ["*.*"],
  });
  const path = `/policies/${made.json.id}`;
  expect(
    await ends(
      call("GET", "/policies", keys.acme),
      call("DELETE", path, keys.acme),
      call("GET", "/auth/profile", keys.acme),
    ),
  ).toEqual(["denied_by_policy", "denied_by_policy", "denied_by_policy"]);
  const root = await gateway.mintKey(
    ...["--organization", "acme", "--name", "undo", "--role", "viewer", "--platform-admin"],
  );
  expect(await ends(call("GET", "/api/admin/users", root), call("GET", "/policies", root))).toEqual([
    ...["denied_by_policy", 200],
  ]);
  expect((await call("PUT", path, root, { active: false })).status).toBe(200);
  expect((await call("GET", "/policies", keys.acme)).status).toBe(200);
  expect((await call("DELETE", path, keys.acme)).status).toBe(204);
});

describe("asked about acts nobody does", () => {
  const policies = [{ name: "no-prod", effect: "deny", actions: ["server.*"], resources: ["server:prod-*"] }];
  const act = { action: "server.delete", name: "prod-1" };

  test("test", async () => {
    const admin = { role: "admin" };
    const answer = await call("POST", "/policies/test", keys.acme, {
      policies,
      cases: [
        { principal: admin, act, expect: "deny" },
        { principal: admin, act: { ...act, name: "test-1" }, expect: "allow" },
        { principal: { role: "viewer" }, act: { ...act, name: "test-1" }, expect: "deny" },
        { principal: admin, call: { server: "any", tool: "any" }, expect: "allow" },
      ],
    });
    expect(answer.json).toMatchObject({ passed: 4, failed: 0 });
    expect(answer.json.cases[0]).toMatchObject({ granted: true, decided_by: "no-prod" });
    expect(answer.json.cases[2]).toMatchObject({ granted: false, decided_by: null });
    for (const asked of [{}, { act, call: { server: "a", tool: "b" } }, { act: { action: "server.fly" } }]) {
      const body = { cases: [{ principal: admin, ...asked }] };
      expect((await call("POST", "/policies/test", keys.acme, body)).status).toBe(400);
    }
  });

  test("explain, of a stored object by its id", async () => {
    const { json } = await call("POST", "/gateway/servers", keys.acme, serverBody("prod-9"));
    const body = { policies, principal: { role: "admin" }, act: { action: "server.delete", id: json.id } };
    const answer = await call("POST", "/policies/explain", keys.acme, body);
    expect(answer.json).toMatchObject({
      verdict: "deny",
      decided_by: "no-prod",
      default: "allow",
      chain: [{ policy: "no-prod", answer: "applies" }],
    });
    expect(
      answer.json.steps.map(({ step, outcome }: Record<string, string>) => `${step} ${outcome}`),
    ).toEqual([
      ...["namespace passes", "role passes", "permissions not_asked", "scopes not_asked", "policies refuses"],
    ]);
    await call("DELETE", `/gateway/servers/${json.id}`, keys.acme);
  });

  test("who", async () => {
    const names = async (over: object) => {
      const body = { policies, act: { action: "server.delete", name: "prod-1" }, ...over };
      const { json } = await call("POST", "/policies/who", keys.acme, body);
      return json.items.map(({ name, answer }: Record<string, string>) => `${name} ${answer}`).sort();
    };
    expect(await names({})).toEqual([]);
    const allowed = await names({ act: { action: "server.delete", name: "test" } });
    expect(allowed).toContain("admin allow");
    expect(allowed).not.toContain("user allow");
    const atHome = [{ ...policies[0], condition: 'client_address != "10.0.0.1"' }];
    expect(await names({ policies: atHome })).toContain("admin depends");
  });
});
