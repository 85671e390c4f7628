import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { request, toolCall } from "./administration.ts";
import { eventually } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 30_000;
let upstream: Upstream;
let gateway: Gateway;
let admin: string;
let user: string;

const call = (method: string, path: string, key?: string, body?: unknown, headers = {}) =>
  request(gateway.origin, method, path, key, body, headers);

const echo = (key: string, nonce: string) =>
  toolCall(gateway.origin, "/servers/filed/mcp", key, "test_echo", { nonce });

beforeAll(async () => {
  upstream = await startFixture("both");
  gateway = await startGateway({
    servers: [fixtureEntry("filed", upstream, "streamable-http")],
    anonymous: false,
    settings: {
      policies: {
        default: "allow",
        rules: [{ name: "of-the-file", effect: "deny", subjects: ["group:nobody"], resources: ["filed:*"] }],
      },
    },
  });
  const operator = await bootstrapKey(gateway);
  expect(operator).toStartWith("mgw_");
  admin = await gateway.mintKey("--name", "admin", "--role", "admin", "--permission", "*:*");
  user = await gateway.mintKey("--name", "user", "--role", "user", "--permission", "filed:*");
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
}, TIMEOUT_MS);

const noSecrets = {
  name: "no-secrets",
  effect: "deny",
  subjects: ["role:user"],
  actions: ["call"],
  resources: ["filed:test_echo"],
  condition: 'args.nonce == "secret"',
};

describe("policies over the API", () => {
  test("201: in force at once; changed and removed, too", async () => {
    const created = await call("POST", "/policies", admin, noSecrets);
    expect(created.status).toBe(201);
    const refused = await echo(user, "secret");
    expect(refused.json.error.data).toMatchObject({ code: "policy_denied", policy: "no-secrets" });
    expect((await echo(user, "fine")).text).toContain("structuredContent");
    const path = `/policies/${created.json.id}`;
    const tag = created.headers.get("etag") ?? "";
    const changed = await call("PUT", path, admin, { condition: null }, { "if-match": tag });
    expect(changed.json).toMatchObject({ condition: null });
    expect((await echo(user, "fine")).json.error.message).toContain("Unknown tool");
    expect((await call("PUT", path, admin, { active: false }, { "if-match": tag })).status).toBe(412);
    expect((await call("PUT", path, admin, { active: false })).status).toBe(200);
    expect((await echo(user, "secret")).text).toContain("structuredContent");
    expect((await call("DELETE", path, admin)).status).toBe(204);
    expect((await call("GET", path, admin)).status).toBe(404);
  });

  test("400: a condition's mistake is named with its place; so is what is no subject and no pattern", async () => {
    for (const [over, says] of [
      [{ condition: "args.nonce ==" }, "column"],
      [{ condition: "principl.id == 'x'" }, "line 1"],
      [{ condition: "1 + 1" }, "condition"],
      [{ subjects: ["everybody"] }, "subjects"],
      [{ resources: ["no pattern"] }, "resources"],
      [{ effect: "maybe" }, "effect"],
      [{ namespace: "nowhere" }, "nowhere"],
      [{ colour: "red" }, "colour"],
    ] as const) {
      const answer = await call("POST", "/policies", admin, { ...noSecrets, ...over });
      expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(says)]);
    }
  });

  test("409: those of the configuration file are shown and not changed", async () => {
    const { items } = (await call("GET", "/policies", admin)).json;
    const filed = items.find(({ name }: { name: string }) => name === "of-the-file");
    expect(filed).toMatchObject({ managed: true, effect: "deny" });
    expect((await call("GET", `/policies/${filed.id}`, admin)).json).toEqual(filed);
    for (const method of ["PUT", "DELETE"]) {
      const answer = await call(method, `/policies/${filed.id}`, admin, method === "PUT" ? {} : undefined);
      expect([answer.status, answer.json.code]).toEqual([409, "managed_by_file"]);
    }
    expect((await call("POST", "/policies", admin, { ...noSecrets, name: "of-the-file" })).status).toBe(409);
    expect((await call("POST", "/policies", user, noSecrets)).status).toBe(403);
    const own = await call("POST", "/policies", admin, { ...noSecrets, name: "own" });
    const renamed = await call("PUT", `/policies/${own.json.id}`, admin, { name: "of-the-file" });
    expect([renamed.status, renamed.json.code]).toEqual([409, "managed_by_file"]);
    expect((await call("DELETE", `/policies/${own.json.id}`, admin)).status).toBe(204);
  });
});

describe("policies tried out", () => {
  const principal = { role: "user", permissions: ["filed:*"] };
  const tried = (args: object, tool = "test_echo") => ({ server: "filed", tool, arguments: args });

  test("cases against proposed policies: each verdict, and which failed its expectation", async () => {
    const answer = await call("POST", "/policies/test", admin, {
      policies: [noSecrets, { name: "no-writes", effect: "deny", resources: ["filed:write_*"] }],
      cases: [
        { name: "denied", principal, call: tried({ nonce: "secret" }), expect: "deny" },
        { name: "allowed", principal, call: tried({ nonce: "fine" }), expect: "allow" },
        { name: "hidden", principal, call: tried({}, "write_file"), expect: "hidden" },
        { name: "not granted", principal: { role: "viewer" }, call: tried({}), expect: "hidden" },
        { name: "wrong", principal, call: tried({ nonce: "fine" }), expect: "deny" },
      ],
    });
    expect(answer.json).toMatchObject({ passed: 4, failed: 1 });
    expect(answer.json.cases[0]).toMatchObject({ verdict: "deny", decided_by: "no-secrets" });
    expect(answer.json.cases[3]).toMatchObject({ granted: false, decided_by: null });
    expect((await echo(user, "secret")).text).toContain("structuredContent");
  });

  test("400: a namespace that is not there, in a proposed policy and in a call", async () => {
    for (const over of [
      { policies: [{ ...noSecrets, namespace: "nowhere" }] },
      { call: { ...tried({}), namespace: "nowhere" } },
    ]) {
      const answer = await call("POST", "/policies/explain", admin, { principal, call: tried({}), ...over });
      expect([answer.status, answer.text]).toEqual([400, expect.stringContaining("nowhere")]);
    }
  });

  test("an explanation names the deciding policy and the chain, for who exists too", async () => {
    const { items } = (await call("GET", "/api/admin/api-keys", admin)).json;
    const key = items.find(({ name }: { name: string }) => name === "user");
    const answer = await call("POST", "/policies/explain", admin, {
      policies: [noSecrets],
      principal: { key_id: key.id },
      call: tried({ nonce: "secret" }),
    });
    expect(answer.json).toMatchObject({
      verdict: "deny",
      decided_by: "no-secrets",
      default: "allow",
      chain: [{ policy: "no-secrets", effect: "deny", answer: "applies" }],
    });
  });

  test("a replay lists the recorded calls that would have ended otherwise", async () => {
    await echo(user, "recorded");
    const body = {
      policies: [
        { name: "no-echo", effect: "deny", subjects: ["role:user"], resources: ["filed:test_echo"] },
      ],
    };
    const flips = await eventually("the call is recorded", async () => {
      const { json } = await call("POST", "/policies/replay", admin, body);
      return json.flips.length > 0 ? json : undefined;
    });
    expect(flips.flips[0]).toMatchObject({
      server: "filed",
      target: "test_echo",
      before: "allow",
      after: "hidden",
      decided_by: "no-echo",
    });
    const unclear = await call("POST", "/policies/replay", admin, { policies: [noSecrets] });
    expect(unclear.json.undecidable).toBeGreaterThan(0);
  });
});
