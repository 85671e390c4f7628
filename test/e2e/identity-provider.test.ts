import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { OAuth2Server } from "oauth2-mock-server";
import { newCredential } from "../../src/auth/api-key/credential.ts";
import { request, toolCall } from "./administration.ts";
import { eventually, freePort } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 30_000;
const provider = new OAuth2Server();
let upstream: Upstream;
let gateway: Gateway;
let issuer: string;

type Claims = Record<string, unknown>;
async function token(claims: Claims = {}, over: { readonly expiresIn?: number } = {}): Promise<string> {
  return provider.issuer.buildToken({
    ...over,
    scopesOrTransform: (_header, payload) => {
      Object.assign(payload, { sub: "ada", aud: gateway.origin, ...claims });
      for (const [name, value] of Object.entries(claims)) if (value === null) delete payload[name];
    },
  });
}
const call = (method: string, path: string, key?: string, body?: unknown, headers = {}) =>
  request(gateway.origin, method, path, key, body, headers);
const tool = (credential: string | undefined, name: string, path = "/servers/filed/mcp") =>
  toolCall(gateway.origin, path, credential, name, { nonce: "n" });

beforeAll(async () => {
  await provider.issuer.keys.generate("RS256");
  await provider.start(await freePort(), "127.0.0.1");
  issuer = provider.issuer.url as string;
  upstream = await startFixture("both");
  gateway = await startGateway({
    servers: [fixtureEntry("filed", upstream, "streamable-http")],
    anonymous: false,
    settings: {
      oauth: { enabled: true, provider: "oidc", authorization_servers: [issuer], jit: true },
      auth: {
        claims: ["groups"],
        mappings: { "groups:User": ["scope:user"], "groups:Admin": ["scope:admin"] },
        permissions: { "filed:test_echo": ["scope:user"], "filed:test_simple_*": ["scope:admin"] },
        options: { scope_mode: "any", default_scope: null },
      },
      limits: { failed_auth_per_minute: 10_000 },
    },
  });
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
  await provider.stop();
}, TIMEOUT_MS);

describe("tokens of an identity provider", () => {
  test("claims become scopes, scopes open what the patterns say", async () => {
    const user = await token({ groups: ["User"] });
    const answer = await tool(user, "test_echo");
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining("structuredContent")]);
    const profile = (await call("GET", "/auth/profile", user)).json;
    expect(profile).toMatchObject({ kind: "user", groups: ["User"], scopes: ["scope:user"] });
  });

  test("a missing scope is 403 and named, for a name under the pattern and for one that is not there", async () => {
    const user = await token({ groups: ["User"] });
    for (const [name, path] of [
      ["test_simple_text", "/servers/filed/mcp"],
      ["filed__test_simple_text", "/mcp"],
      ["filed:test_simple_text", "/mcp"],
      ["filed__test_simple_text", "/servers/filed/mcp"],
      ["test_simple_nothing", "/servers/filed/mcp"],
      ["filed__test_simple_nothing", "/servers/filed/mcp"],
      ["filed__test_simple_nothing", "/mcp"],
    ] as const) {
      const { status, headers, json } = await tool(user, name, path);
      expect([status, json.error.data]).toEqual([
        403,
        expect.objectContaining({ code: "insufficient_scope", scopes: ["scope:admin"] }),
      ]);
      expect(headers.get("www-authenticate")).toContain('error="insufficient_scope", scope="scope:admin"');
      expect(headers.get("www-authenticate")).toContain(
        `resource_metadata="${gateway.origin}/.well-known/oauth-protected-resource${path}"`,
      );
    }
    // At the endpoint of a server of which nothing is open it is the same, whether or not there is such a server.
    const without = await token({ groups: [] });
    for (const path of ["/servers/filed/mcp", "/filed", "/namespaces/default/servers/filed/mcp"]) {
      const { status, json, headers } = await tool(without, "test_echo", path);
      expect([status, json.error.data.scopes]).toEqual([403, ["scope:user", "scope:admin"]]);
      expect(headers.get("www-authenticate")).toContain('scope="scope:user scope:admin"');
    }
    expect((await tool(without, "test_echo", "/servers/nowhere/mcp")).status).toBe(404);
    // No pattern names it, and no scope would help.
    expect((await tool(user, "test_image_content")).json.error.message).toContain("Unknown tool");
    expect((await tool(await token({ groups: ["Admin"] }), "test_simple_text")).status).toBe(200);
  });

  test("metadata tells where tokens come from: the same for a server that does not exist", async () => {
    const challenge = (await tool(undefined, "test_echo")).headers.get("www-authenticate") ?? "";
    const url = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] as string;
    const metadata = (await call("GET", new URL(url).pathname)).json;
    const ofApi = (await call("GET", "/policies")).headers.get("www-authenticate") ?? "";
    const general = /resource_metadata="([^"]+)"/.exec(ofApi)?.[1] as string;
    expect((await call("GET", new URL(general).pathname)).json.resource).toBe(gateway.origin);
    expect(metadata).toMatchObject({
      resource: `${gateway.origin}/servers/filed/mcp`,
      authorization_servers: [issuer],
      bearer_methods_supported: ["header"],
    });
    const other = (await call("GET", "/.well-known/oauth-protected-resource/servers/nowhere/mcp")).json;
    expect(other).toEqual({ ...metadata, resource: `${gateway.origin}/servers/nowhere/mcp` });
  });

  test("a key is given none of what a token's scopes permit, which end with it", async () => {
    const user = await token({ groups: ["User"] });
    const body = { name: "kept", permissions: ["filed:test_echo"] };
    const { status, json } = await call("POST", "/auth/api-keys", user, body);
    expect([status, json.code]).toEqual([403, "exceeds_creator"]);
    expect(json.detail).toContain("a scope's");
  });

  test("one issued for an endpoint opens no more while its user has to change the password", async () => {
    const operator = await bootstrapKey(gateway);
    const claims = { sub: "eve", groups: ["User"] };
    const bound = await token({ ...claims, aud: `${gateway.origin}/servers/filed/mcp` });
    const profile = (await call("GET", "/auth/profile", await token(claims))).json;
    expect((await tool(bound, "test_echo")).status).toBe(200);
    const path = `/api/admin/users/${profile.user.id}`;
    expect((await call("PUT", path, operator, { password: "seen by somebody 1" })).status).toBe(200);
    for (const asked of ["/auth/profile", "/mcp/status"])
      expect([asked, (await call("GET", asked, bound)).status]).toEqual([asked, 401]);
    expect((await tool(bound, "test_echo")).status).toBe(403);
    expect((await tool(bound, "test_echo", "/mcp")).status).toBe(401);
    expect((await call("GET", "/auth/profile", await token(claims))).json.scopes).toEqual([]);
  });

  test("nothing else is taken: audience, issuer, expiry, algorithm, key", async () => {
    const good = await token({ groups: ["User"] });
    const [head = "", body = "", signature = ""] = good.split(".");
    const header = JSON.parse(Buffer.from(head, "base64url").toString());
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const stranger = new OAuth2Server();
    await stranger.issuer.keys.generate("RS256");
    await stranger.start(await freePort(), "127.0.0.1");
    try {
      const foreign = await stranger.issuer.buildToken({
        scopesOrTransform: (_header, payload) =>
          Object.assign(payload, { sub: "ada", aud: gateway.origin, groups: ["Admin"] }),
      });
      const answers = new Set<string>();
      for (const [reason, credential] of [
        [
          `its audience is https://elsewhere.example, not ${gateway.origin} or one of its endpoints`,
          await token({ groups: ["User"], aud: "https://elsewhere.example" }),
        ],
        ["it has no claim aud", await token({ groups: ["User"], aud: null })],
        [
          `its issuer is ${issuer}/, none of ${gateway.origin}, ${issuer}`,
          await token({ groups: ["User"], iss: `${issuer}/` }),
        ],
        ["it expired at 20", await token({ groups: ["User"] }, { expiresIn: -600 })],
        ["it has no claim sub", await token({ groups: ["User"], sub: null })],
        ["neither an API key nor a token", `${part({ ...header, alg: "none" })}.${body}.`],
        ["its algorithm is HS256", `${part({ ...header, alg: "HS256" })}.${body}.${signature}`],
        [
          "the provider publishes no key unknown for RS256",
          `${part({ ...header, kid: "unknown" })}.${body}.${signature}`,
        ],
        [
          "the provider publishes no key x for RS256",
          `${part({ ...header, jku: stranger.issuer.url, kid: "x" })}.${body}.${signature}`,
        ],
        ["its signature does not verify", `${head}.${part({ iss: issuer, sub: "eve" })}.${signature}`],
        [`its issuer is ${stranger.issuer.url}`, foreign],
        ["no such API key", newCredential()],
      ] as const) {
        const { status, text, json, headers } = await tool(credential, "test_echo");
        expect([reason, status]).toEqual([reason, 401]);
        // The client learns nothing of it; the operator finds it by the id that the client has.
        const id = json.error.data.correlationId;
        answers.add(text.replaceAll(id, "") + headers.get("www-authenticate"));
        const line = await eventually("the operator is told", () =>
          gateway
            .logs()
            .split("\n")
            .find((one) => one.includes(id)),
        );
        expect(line).toContain("a credential was refused");
        expect(line).toContain(reason);
        expect(gateway.logs()).not.toContain(credential.slice(-40));
      }
      expect(answers.size).toBe(1);
      expect((await tool(good, "test_echo")).status).toBe(200);
    } finally {
      await stranger.stop();
    }
  });
});
