import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { newPerson, PASSWORD, request, toolCall } from "./administration.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 30_000;
let upstream: Upstream;
let gateway: Gateway;
let operator: string;

const call = (method: string, path: string, key?: string, body?: unknown, headers = {}) =>
  request(gateway.origin, method, path, key, body, headers);
const login = (username: string, password = PASSWORD) =>
  call("POST", "/auth/login", undefined, { username, password });

const person = (username: string, over: object = {}) =>
  newPerson(gateway.origin, operator, { username, permissions: ["filed:*"], ...over });

const echo = (token: string) =>
  toolCall(gateway.origin, "/servers/filed/mcp", token, "test_echo", { nonce: "n" });

beforeAll(async () => {
  upstream = await startFixture("both");
  gateway = await startGateway({
    servers: [fixtureEntry("filed", upstream, "streamable-http")],
    anonymous: false,
    settings: { limits: { failed_auth_per_minute: 10_000 } },
  });
  operator = await bootstrapKey(gateway);
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
}, TIMEOUT_MS);

describe("users", () => {
  test("a given password permits nothing but to change it; then its owner calls tools and has a profile", async () => {
    const created = await call("POST", "/api/admin/users", operator, {
      username: "Ada",
      email: "ada@example.org",
      password: "first password 1",
      permissions: ["filed:*"],
    });
    expect(created.status).toBe(201);
    expect(created.text).not.toContain("first password");
    expect(created.json).toMatchObject({ must_change_password: true, has_password: true });
    const first = (await login("ada", "first password 1")).json;
    expect(first.must_change_password).toBe(true);
    expect((await echo(first.access_token)).status).toBe(404);
    const refused = await call("GET", "/auth/api-keys", first.access_token);
    expect([refused.status, refused.json.code]).toEqual([403, "password_change_required"]);
    expect(refused.json.detail).toBe("Change the password first: POST /auth/password.");
    const change = { current_password: "first password 1", new_password: PASSWORD };
    expect(
      (await call("POST", "/auth/password", first.access_token, { ...change, new_password: "short" })).status,
    ).toBe(422);
    const wrong = { ...change, current_password: "wrong" };
    const mistaken = await call("POST", "/auth/password", first.access_token, wrong);
    expect([mistaken.status, mistaken.json.code]).toEqual([403, "current_password_wrong"]);
    // A challenge would have a client take its token for expired.
    expect(mistaken.headers.get("www-authenticate")).toBeNull();
    expect((await call("POST", "/auth/password", first.access_token, change)).status).toBe(204);
    const { access_token: token } = (await login("ADA")).json;
    expect((await echo(token)).text).toContain("structuredContent");
    const profile = (await call("GET", "/auth/profile", token)).json;
    expect(profile).toMatchObject({
      kind: "user",
      role: "user",
      user: { username: "Ada", email: "ada@example.org" },
    });
    const renamed = await call("PUT", "/auth/profile", token, { email: "new@example.org" });
    expect(renamed.json.user).toMatchObject({ email: "new@example.org", email_verified: false });
  });

  test("400, 401, 403, 404, 409: each said as what it is", async () => {
    const bea = await person("bea");
    expect((await call("POST", "/api/admin/users", operator, { username: "x", colour: 1 })).status).toBe(400);
    const taken = await call("POST", "/api/admin/users", operator, { username: "BEA" });
    expect([taken.status, taken.json.detail, taken.json.data.errors]).toEqual([
      ...[409, "Its user name exists already.", [{ path: "username", message: "exists already" }]],
    ]);
    // What contradicts itself says where, as what is wrong by itself does.
    const mixed = { name: "k", type: "a2a", user_id: bea.id };
    const refused = await call("POST", "/auth/api-keys", operator, mixed);
    expect([refused.status, refused.json.detail, refused.json.data?.errors]).toEqual([
      ...[400, "Not a valid request: user_id: of keys of type user alone."],
      [{ path: "user_id", message: "of keys of type user alone" }],
    ]);
    expect((await call("GET", "/api/admin/users", bea.access)).status).toBe(403);
    expect(
      (await call("GET", "/api/admin/users/00000000-0000-4000-8000-000000000000", operator)).status,
    ).toBe(404);
    for (const [username, password] of [
      ["bea", "wrong"],
      ["nobody", PASSWORD],
    ] as const) {
      const answer = await login(username, password);
      expect([answer.status, answer.json.code]).toEqual([401, "invalid_credentials"]);
    }
    const admin = await person("cleo", { role: "admin" });
    expect(
      (await call("POST", "/api/admin/users", admin.access, { username: "y", platform_admin: true })).status,
    ).toBe(403);
    expect((await call("DELETE", `/api/admin/users/${admin.id}`, admin.access)).status).toBe(409);
    expect((await call("DELETE", `/api/admin/users/${bea.id}`, admin.access)).status).toBe(204);
    expect((await login("bea")).status).toBe(401);
  });

  test("made inactive, a user is out at once, with every token and key", async () => {
    const dan = await person("dan");
    const { json: key } = await call("POST", "/auth/api-keys", dan.access, {
      name: "dan's",
      permissions: ["filed:*"],
    });
    expect((await echo(key.key)).status).toBe(200);
    await call("PUT", `/api/admin/users/${dan.id}`, operator, { active: false });
    expect((await echo(dan.access)).status).toBe(401);
    expect((await echo(key.key)).status).toBe(401);
    expect((await call("POST", "/auth/refresh", undefined, { refresh_token: dan.refresh })).json.error).toBe(
      "invalid_grant",
    );
  });
});

describe("keys of a user whose rights change", () => {
  const made = async (access: string, body: object) => {
    const { status, json } = await call("POST", "/auth/api-keys", access, { name: "k", ...body });
    expect(status).toBe(201);
    return json.key as string;
  };

  test("a key never exceeds its owner: at once, and as long as it is so", async () => {
    const kim = await person("kim");
    const key = await made(kim.access, { permissions: ["filed:*"] });
    expect((await echo(key)).status).toBe(200);
    const change = (over: object) => call("PUT", `/api/admin/users/${kim.id}`, operator, over);
    await change({ permissions: ["filed:test_simple_*"] });
    expect((await echo(key)).json.error.message).toContain("Unknown tool");
    expect((await call("GET", "/auth/profile", key)).json.permissions).toEqual(["filed:test_simple_*"]);
    const tool = await toolCall(gateway.origin, "/servers/filed/mcp", key, "test_simple_text", {});
    expect(tool.text).toContain("simple text");
    await change({ role: "viewer", permissions: ["filed:*"] });
    expect((await echo(key)).json.error.message).toContain("Unknown tool");
    await change({ role: "user" });
    expect((await echo(key)).status).toBe(200);
  });

  test("an administrator's key administers nothing once its owner does not", async () => {
    const lou = await person("lou", { role: "admin" });
    const key = await made(lou.access, {});
    expect((await call("GET", "/api/admin/users", key)).status).toBe(200);
    await call("PUT", `/api/admin/users/${lou.id}`, operator, { role: "user" });
    expect((await call("GET", "/api/admin/users", key)).status).toBe(403);
    expect((await echo(key)).status).toBe(200);
  });
});

describe("sign-ins", () => {
  test("a refresh token works once; shown again, the whole sign-in ends", async () => {
    const eve = await person("eve");
    const refresh = (token: string) => call("POST", "/auth/refresh", undefined, { refresh_token: token });
    const next = await refresh(eve.refresh);
    expect(next.status).toBe(200);
    expect((await echo(next.json.access_token)).status).toBe(200);
    expect((await refresh(eve.refresh)).json).toMatchObject({ error: "invalid_grant" });
    expect((await refresh(next.json.refresh_token)).json).toMatchObject({ error: "invalid_grant" });
    expect((await echo(next.json.access_token)).status).toBe(401);
  });

  test("of ten refreshes at once with one token at most one succeeds", async () => {
    const fay = await person("fay");
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        call("POST", "/auth/refresh", undefined, { refresh_token: fay.refresh }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200).length).toBe(1);
    expect(answers.filter(({ status }) => status === 400).length).toBe(9);
  });

  test("after logout the token works no more, another sign-in of the user does", async () => {
    const gil = await person("gil");
    const other = (await login("gil")).json.access_token;
    expect((await call("POST", "/auth/logout", gil.access)).status).toBe(204);
    expect((await echo(gil.access)).status).toBe(401);
    expect((await echo(other)).status).toBe(200);
  });

  test("tokens are signed with a key that is published, and nothing else is taken", async () => {
    const hal = await person("hal");
    const { keys } = (await call("GET", "/.well-known/jwks.json")).json;
    expect(keys[0]).toMatchObject({ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" });
    expect(keys[0].d).toBeUndefined();
    const [head = "", body = "", signature = ""] = hal.access.split(".");
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const header = JSON.parse(Buffer.from(head, "base64url").toString());
    const claims = JSON.parse(Buffer.from(body, "base64url").toString());
    for (const forged of [
      `${part({ ...header, alg: "none" })}.${body}.`,
      `${part({ ...header, alg: "HS256" })}.${body}.${signature}`,
      `${part({ ...header, kid: "../../etc/passwd" })}.${body}.${signature}`,
      `${part({ ...header, jku: "http://127.0.0.1:9/jwks.json", kid: "x" })}.${body}.${signature}`,
      `${head}.${part({ ...claims, aud: "https://elsewhere.example" })}.${signature}`,
      `${head}.${part({ ...claims, exp: claims.exp + 3_600 })}.${signature}`,
      `${head}.${body}.${signature.slice(0, -4)}AAAA`,
    ]) {
      expect((await echo(forged)).status).toBe(401);
    }
  });
});

describe("administrators from the command line", () => {
  test("a generated password is shown once and has to be changed; a reset gives another", async () => {
    const made = JSON.parse(await gateway.run("setup-admin", "--username", "root", "--json"));
    expect(made).toMatchObject({ username: "root", organization: "default" });
    expect((await login("root", made.password)).json.must_change_password).toBe(true);
    await expect(gateway.run("setup-admin", "--username", "root")).rejects.toThrow(
      "setup-reset gives it a new password",
    );
    const reset = JSON.parse(await gateway.run("setup-reset", "--username", "root", "--json"));
    expect((await login("root", made.password)).status).toBe(401);
    const { access_token: first } = (await login("root", reset.password)).json;
    const change = { current_password: reset.password, new_password: PASSWORD };
    expect((await call("POST", "/auth/password", first, change)).status).toBe(204);
    const { access_token: token } = (await login("root")).json;
    expect((await call("GET", "/api/admin/organizations", token)).status).toBe(200);
  });
});

describe("applications", () => {
  test("an a2a key is exchanged for a short token, never wider", async () => {
    const { json: key } = await call("POST", "/auth/api-keys", operator, {
      name: "app",
      type: "a2a",
      role: "api_user",
      permissions: ["filed:test_*"],
    });
    const form = (fields: Record<string, string>, headers = {}) =>
      call("POST", "/auth/a2a/token", undefined, new URLSearchParams(fields).toString(), {
        "content-type": "application/x-www-form-urlencoded",
        ...headers,
      });
    const token = await form({
      grant_type: "client_credentials",
      client_secret: key.key,
      scope: "filed:test_echo",
    });
    expect(token.json).toMatchObject({ token_type: "Bearer", scope: "filed:test_echo" });
    expect((await echo(token.json.access_token)).status).toBe(200);
    const child = { name: "longer", permissions: ["filed:test_echo"] };
    expect((await call("POST", "/auth/api-keys", token.json.access_token, child)).status).toBe(403);
    const basic = Buffer.from(`${key.id}:${key.key}`).toString("base64");
    expect(
      (await form({ grant_type: "client_credentials" }, { authorization: `Basic ${basic}` })).status,
    ).toBe(200);
    expect(
      (await form({ grant_type: "client_credentials", client_secret: key.key, scope: "filed:*" })).json.error,
    ).toBe("invalid_scope");
    expect((await form({ grant_type: "client_credentials", client_secret: "wrong" })).json.error).toBe(
      "invalid_client",
    );
    expect((await form({ grant_type: "password", client_secret: key.key })).json.error).toBe(
      "unsupported_grant_type",
    );
    expect((await form({ grant_type: "client_credentials", client_secret: operator })).json.error).toBe(
      "invalid_client",
    );
    await call("DELETE", `/auth/api-keys/${key.id}`, operator);
    expect((await echo(token.json.access_token)).status).toBe(401);
  });

  test("an application signs for itself: its assertion is taken once, and no private key is", async () => {
    const { json: key } = await call("POST", "/auth/api-keys", operator, {
      name: "signer",
      type: "a2a",
      role: "api_user",
      permissions: ["filed:test_echo"],
    });
    const pair = await generateKeyPair("ES256", { extractable: true });
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: "one", alg: "ES256" };
    const path = `/auth/api-keys/${key.id}/jwks`;
    const secret = { ...(await exportJWK(pair.privateKey)), kid: "one" };
    expect((await call("PUT", path, operator, { keys: [secret] })).status).toBe(400);
    expect((await call("PUT", path, operator, { keys: [jwk] })).status).toBe(204);
    const assertion = await new SignJWT()
      .setProtectedHeader({ alg: "ES256", kid: "one" })
      .setIssuer(key.id)
      .setSubject(key.id)
      .setAudience(`${gateway.origin}/auth/a2a/token`)
      .setJti(crypto.randomUUID())
      .setExpirationTime("1m")
      .sign(pair.privateKey);
    const exchange = () =>
      call("POST", "/auth/a2a/token", undefined, {
        grant_type: "client_credentials",
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: assertion,
      });
    const token = await exchange();
    expect((await echo(token.json.access_token)).status).toBe(200);
    expect((await exchange()).json.error).toBe("invalid_client");
  });
});
