import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OAuth2Server } from "oauth2-mock-server";
import { parse, stringify } from "yaml";
import { request, toolCall } from "./administration.ts";
import { eventually, freePort } from "./child.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";
import { listen } from "./heard.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 30_000;
const PATH = "/api/admin/claim-mapping";
const provider = new OAuth2Server();
let upstream: Upstream;
let gateway: Gateway;
let operator: string;
/** The administrator of the other organisation. */
let theirs: string;

const token = (claims: Record<string, unknown>): Promise<string> =>
  provider.issuer.buildToken({
    scopesOrTransform: (_header, payload) => {
      const by = `${claims.org ?? "default"}-${JSON.stringify(claims.groups ?? [])}`;
      Object.assign(payload, { sub: by, aud: gateway.origin, org: "default", ...claims });
    },
  });
const call = (method: string, path: string, key?: string, body?: unknown, headers = {}) =>
  request(gateway.origin, method, path, key, body, headers);
/** `ok`, or the code of the error. */
async function use(credential: string, name = "test_simple_text", path = "/servers/filed/mcp") {
  const { json } = await toolCall(gateway.origin, path, credential, name, { nonce: "n" });
  return json.error === undefined ? "ok" : (json.error.data?.code ?? "unknown");
}
async function rewrite(change: (auth: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
  const path = join(gateway.folder, "gateway.yaml");
  const document = parse(await readFile(path, "utf8"));
  await writeFile(`${path}.new`, stringify({ ...document, auth: change(document.auth ?? {}) }));
  await rename(`${path}.new`, path);
}
async function within(ms: number, what: string, isSo: () => Promise<boolean>): Promise<void> {
  await eventually(what, async () => ((await isSo()) ? true : undefined), { timeoutMs: ms });
}

beforeAll(async () => {
  await provider.issuer.keys.generate("RS256");
  await provider.start(await freePort(), "127.0.0.1");
  upstream = await startFixture("both");
  gateway = await startGateway({
    servers: [fixtureEntry("filed", upstream, "streamable-http")],
    anonymous: false,
    settings: {
      oauth: {
        enabled: true,
        providers: [
          {
            ...{ name: "company", issuer: provider.issuer.url, jit: true },
            ...{ organization_claim: "org", organizations: ["default", "there"] },
          },
        ],
      },
    },
  });
  operator = await bootstrapKey(gateway);
  await call("POST", "/api/admin/organizations", operator, { slug: "there", name: "There" });
  theirs = await gateway.mintKey(
    ...["--name", "a", "--role", "admin", "--organization", "there", "--permission", "*:*"],
  );
  const added = await call("POST", "/gateway/servers", theirs, {
    ...{ name: "filed", type: "streamable-http", url: upstream.url },
  });
  expect([added.status, added.text]).toEqual([201, expect.any(String)]);
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
  await provider.stop();
}, TIMEOUT_MS);

const mapping = {
  claims: ["groups", "roles"],
  mappings: { "groups:Admin": ["scope:admin"], "groups:User": ["scope:user"] },
  permissions: { "filed:test_simple_*": ["scope:user"], "filed:test_image_*": ["scope:admin"] },
  options: { scope_mode: "any", default_scope: null },
};

describe("claim mappings over the API", () => {
  test("in force at once, with a version, and in the record with before and after", async () => {
    const user = await token({ groups: ["User"] });
    expect(await use(user)).not.toBe("ok");
    const none = await call("GET", PATH, operator);
    expect(none.json).toMatchObject({ source: "none", managed: false, claims: null, updated_at: null });
    expect(none.headers.get("etag")).toBeNull();
    expect(none.json.providers).toEqual([
      {
        ...{ name: "company", preset: "oidc", issuers: [provider.issuer.url], claims: ["groups"] },
        ...{ scope_claims: ["scope", "scp"], signs_in: false, creates_users: true },
      },
    ]);
    expect((await call("PUT", PATH, operator, mapping, { "if-match": '"x"' })).status).toBe(412);

    const put = await call("PUT", PATH, operator, mapping);
    expect([put.status, put.json]).toEqual([
      200,
      expect.objectContaining({ ...mapping, source: "organization", managed: false }),
    ]);
    expect(await use(user)).toBe("ok");
    expect(await use(user, "test_image_content")).toBe("insufficient_scope");
    const metadata = await call("GET", "/.well-known/oauth-protected-resource/servers/filed/mcp");
    expect(metadata.json.scopes_supported).toEqual(["scope:admin", "scope:user"]);

    const etag = put.headers.get("etag") as string;
    const narrower = { ...mapping, permissions: { "filed:test_image_*": ["scope:admin"] } };
    expect((await call("PUT", PATH, operator, narrower, { "if-match": etag })).status).toBe(200);
    expect((await call("PUT", PATH, operator, mapping, { "if-match": etag })).status).toBe(412);
    expect(await use(user)).toBe("insufficient_scope");

    const event = await eventually("it is in the record", async () => {
      const query = "/admin/logs?kind=event&action=claim_mapping.update&limit=10";
      const { items } = (await call("GET", query, operator)).json;
      return items.find(
        ({ detail }: { detail: { before?: object; after?: object } }) =>
          detail?.before !== undefined && "after" in detail,
      );
    });
    expect(event.detail).toMatchObject({
      before: { permissions: mapping.permissions },
      after: { permissions: narrower.permissions },
    });
    expect((await call("DELETE", PATH, operator)).status).toBe(204);
    expect(await use(await token({ groups: ["Admin"] }), "test_image_content")).not.toBe("ok");
  });

  test.each([
    [{ permissions: { filed: ["s"] } }, 'permissions.filed: "filed" is not a pattern', 'write "filed:*"'],
    [{ permissions: { filed__echo: ["s"] } }, "is not a pattern", 'write "filed:echo"'],
    [{ claims: ["groups"], mappings: { Admin: ["s"] } }, "mappings.Admin", 'write "groups:Admin"'],
    [{ mappings: { "roles:Admin": ["s"] } }, "claims that are read (groups)", 'add "roles" to the claims'],
    [{ claims: ["groups"], mappings: { "roles:Admin": ["s"] } }, "mappings", 'add "roles" to the claims'],
    [{ permissions: { "filed:*": ["a b"] } }, "permissions.filed:*.0", 'write "a", "b"'],
    [{ options: { default_scope: "a b" } }, "options.default_scope", 'write "a", "b"'],
  ])("what could never match is refused: %j", async (body, where, fix) => {
    const answer = await call("PUT", PATH, operator, body);
    expect([answer.status, answer.json.detail]).toEqual([400, expect.stringContaining(where)]);
    expect(answer.json.detail).toContain(fix);
  });

  test("each organisation's own counts for its tokens alone", async () => {
    const ours = await token({ groups: ["Team"] });
    const other = await token({ groups: ["Team"], org: "there" });
    const team = (pattern: string) => ({
      ...{ claims: ["groups"], mappings: { "groups:Team": ["team"] }, permissions: { [pattern]: ["team"] } },
    });
    const no = expect.not.stringMatching("^ok$");
    const both = async () => [await use(ours), await use(other), await use(other, "test_image_content")];
    expect(await both()).toEqual(["unknown", "unknown", "unknown"].map(() => no));
    await call("PUT", PATH, theirs, team("filed:test_image_*"));
    await call("PUT", PATH, operator, team("filed:test_simple_*"));
    expect(await both()).toEqual(["ok", no, "ok"]);
    expect((await call("GET", PATH, theirs)).json.permissions).toEqual({ "filed:test_image_*": ["team"] });
    await call("DELETE", PATH, operator);
    expect(await both()).toEqual([no, no, "ok"]);
    await call("DELETE", PATH, theirs);
    expect((await both()).includes("ok")).toBe(false);
  });
});

describe("claim mappings of the file", () => {
  test("are followed while running within a second, streams included; win over the API's, which the first organisation gets back", async () => {
    const user = await token({ groups: ["User"] });
    const elsewhere = await token({ groups: ["User"], org: "there" });
    await call("PUT", PATH, operator, { ...mapping, permissions: { "filed:*": ["scope:user"] } });
    expect(await use(user, "test_image_content")).toBe("ok");
    const stream = await listen(`${gateway.origin}/mcp`, user);
    const told = () => stream.methods.includes("notifications/tools/list_changed");

    await rewrite((auth) => ({ ...auth, ...mapping }));
    await within(1_000, "the file's counts", async () => (await use(user, "test_image_content")) !== "ok");
    await within(1_000, "the stream is told", async () => told());
    expect(await use(user)).toBe("ok");
    const shown = await call("GET", PATH, operator);
    expect(shown.json).toMatchObject({ ...mapping, source: "file", managed: true, updated_at: null });
    for (const method of ["PUT", "DELETE"]) {
      const body = method === "PUT" ? mapping : undefined;
      expect((await call(method, PATH, operator, body)).json.code).toBe("managed_by_file");
    }
    // It holds in other organisations until they have their own.
    expect(await use(elsewhere)).toBe("ok");
    expect((await call("GET", PATH, theirs)).json).toMatchObject({ source: "file", managed: false });
    expect((await call("PUT", PATH, theirs, {})).status).toBe(200);
    expect(await use(elsewhere)).not.toBe("ok");
    expect((await call("DELETE", PATH, theirs)).status).toBe(204);
    expect(await use(elsewhere)).toBe("ok");

    stream.clear();
    await rewrite((auth) => ({
      ...auth,
      options: { scope_mode: "all" },
      permissions: { "filed:test_simple_*": ["scope:user", "scope:more"] },
    }));
    await within(1_000, "all scopes are needed", async () => (await use(user)) === "insufficient_scope");
    await within(1_000, "the stream is told", async () => told());
    stream.clear();
    await rewrite((auth) => ({ ...auth, options: { default_scope: "scope:user" } }));
    await within(1_000, "the rest is open", async () => (await use(user, "test_image_content")) === "ok");
    await within(1_000, "the stream is told", async () => told());
    await rewrite((auth) => ({ ...auth, claims: ["roles"], mappings: { "roles:User": ["scope:user"] } }));
    await within(1_000, "another claim", async () => (await use(user, "test_image_content")) !== "ok");

    await rewrite(() => ({}));
    await within(1_000, "the API's is back", async () => (await use(user, "test_image_content")) === "ok");
    expect((await call("GET", PATH, operator)).json).toMatchObject({
      source: "organization",
      managed: false,
    });
    expect(gateway.logs()).not.toContain("next start");
    await stream.events.cancel();
    await call("DELETE", PATH, operator);
  });
});

describe("a token opens what it was issued for (RFC 8707)", () => {
  test("one endpoint, by whichever of its URLs; one for the gateway opens all", async () => {
    await call("PUT", PATH, operator, { permissions: { "filed:*": ["all"] } });
    const issued = (aud: unknown) => token({ aud, scope: "all" });
    const { origin } = gateway;
    const { items } = (await call("GET", "/gateway/servers", operator)).json;
    const { id } = items.find(({ name }: { name: string }) => name === "filed");
    const status = async (credential: string, path: string) =>
      (await toolCall(origin, path, credential, "test_simple_text", {})).status;
    const endpoints = [
      "/servers/filed/mcp",
      `/servers/${id}/mcp`,
      "/filed",
      "/namespaces/default/servers/filed/mcp",
    ];
    for (const named of endpoints) {
      const bound = await issued(`${origin}${named}`);
      for (const path of endpoints)
        expect([named, path, await status(bound, path)]).toEqual([named, path, 200]);
      // What is there is answered as what is not.
      for (const path of ["/mcp", "/namespaces/default/mcp", "/servers/nowhere/mcp", "/servers/other/mcp"])
        expect([named, path, await status(bound, path)]).toEqual([named, path, 401]);
      for (const path of ["/auth/profile", "/mcp/status", PATH])
        expect([named, path, (await call("GET", path, bound)).status]).toEqual([named, path, 401]);
    }
    const refused = await toolCall(origin, "/mcp", await issued(`${origin}/servers/filed/mcp`), "x", {});
    expect(refused.headers.get("www-authenticate")).toContain('error="invalid_token"');
    expect(refused.headers.get("www-authenticate")).toContain(
      `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`,
    );

    const merged = await issued(`${origin}/mcp`);
    expect(await use(merged, "filed__test_simple_text", "/mcp")).toBe("ok");
    expect(await status(merged, "/servers/filed/mcp")).toBe(401);
    const two = await issued([`${origin}/mcp`, `${origin}/servers/filed/mcp`]);
    expect(await status(two, "/servers/filed/mcp")).toBe(200);
    for (const aud of [origin, `${origin}/`, [`${origin}/servers/nowhere/mcp`, origin]]) {
      const whole = await issued(aud);
      expect([aud, await status(whole, "/servers/filed/mcp")]).toEqual([aud, 200]);
      expect([aud, (await call("GET", "/auth/profile", whole)).status]).toEqual([aud, 200]);
    }
    for (const aud of [`${origin}.example/mcp`, `${origin}x`, "https://elsewhere.example/mcp"])
      expect([aud, await status(await issued(aud), "/mcp")]).toEqual([aud, 401]);
    await call("DELETE", PATH, operator);
  });
});
