import { afterAll, beforeAll, expect, test } from "bun:test";
import { OAuth2Server } from "oauth2-mock-server";
import { request, toolCall } from "./administration.ts";
import { freePort } from "./child.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { fixtureEntry, startFixture, type Upstream } from "./upstreams.ts";

const TIMEOUT_MS = 30_000;
const TENANT = "5f3c1d1e-9f0a-4a37-8a0e-1c2d3e4f5a6b";
const APPLICATION = "0b9f3c0a-1111-4222-8333-444455556666";
const GOOGLE = "https://accounts.google.com";
/** Signs for all of them: each names it as where its keys are. */
const signer = new OAuth2Server();
let upstream: Upstream;
let gateway: Gateway;

type Claims = Record<string, unknown>;
const issued = (claims: Claims): Promise<string> =>
  signer.issuer.buildToken({
    scopesOrTransform: (_header, payload) => {
      delete payload.scope;
      Object.assign(payload, { sub: "ada", aud: gateway.origin, ...claims });
    },
  });
const profileOf = async (claims: Claims) => {
  const { status, json } = await request(gateway.origin, "GET", "/auth/profile", await issued(claims));
  return status === 200 ? { scopes: json.scopes, user: json.user?.username } : status;
};
const scopesOf = async (claims: Claims) => {
  const profile = await profileOf(claims);
  return typeof profile === "number" ? profile : profile.scopes;
};

beforeAll(async () => {
  await signer.issuer.keys.generate("RS256");
  await signer.start(await freePort(), "127.0.0.1");
  upstream = await startFixture("both");
  const common = { jwks_uri: `${signer.issuer.url}/jwks`, jit: true };
  gateway = await startGateway({
    servers: [fixtureEntry("filed", upstream, "streamable-http")],
    anonymous: false,
    settings: {
      oauth: {
        enabled: true,
        providers: [
          { ...common, name: "okta", preset: "okta", issuer: "https://acme.okta.com/oauth2/default" },
          {
            ...{ ...common, name: "entra", preset: "entra", audiences: [APPLICATION, "api://gateway"] },
            issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`,
          },
          { ...common, name: "auth0", preset: "auth0", issuer: "https://acme.eu.auth0.com" },
          {
            ...{ ...common, name: "keycloak", preset: "keycloak", client_id: "my.gateway" },
            ...{ issuer: "https://sso.acme.example/realms/acme", client_secret: "of-the-tests" },
          },
          {
            ...{ ...common, name: "google", preset: "google", issuer: GOOGLE },
            required_claims: { hd: ["acme.example"] },
          },
        ],
      },
      auth: {
        mappings: {
          "groups:Admin": ["by-group"],
          "roles:Task.Write": ["by-role"],
          "realm_access.roles:operator": ["by-realm"],
          "resource_access.my.gateway.roles:caller": ["by-client"],
        },
        permissions: { "filed:*": ["by-group"] },
      },
      limits: { failed_auth_per_minute: 10_000 },
    },
  });
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
  await signer.stop();
}, TIMEOUT_MS);

test("Okta: scp as a list, groups as text or list; its ID tokens are none", async () => {
  const okta = { iss: "https://acme.okta.com/oauth2/default", cid: "0oa1", ver: 1 };
  expect(await scopesOf({ ...okta, scp: ["files.read", "openid"], groups: ["Everyone", "Admin"] })).toEqual([
    ...["files.read", "openid", "by-group"],
  ]);
  expect(await scopesOf({ ...okta, groups: "Admin" })).toEqual(["by-group"]);
  expect(await scopesOf({ ...okta, cid: undefined, groups: ["Admin"] })).toBe(401);
});

test("Entra ID: issuers of both versions are one person; scp as text, roles as a list; ID tokens are none", async () => {
  const v2 = {
    iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
    ver: "2.0",
    aud: APPLICATION,
    azp: "c",
  };
  const v1 = { iss: `https://sts.windows.net/${TENANT}/`, ver: "1.0", aud: "api://gateway", appid: "c" };
  const mine = { sub: "pairwise", scp: "Files.Read Files.Write", roles: ["Task.Write"] };
  const known = await profileOf({ ...v2, ...mine });
  expect(known).toMatchObject({ scopes: ["Files.Read", "Files.Write", "by-role"] });
  expect(await profileOf({ ...v1, ...mine })).toEqual(known);
  expect(await scopesOf({ ...v2, groups: ["Admin"], roles: undefined })).toEqual(["by-group"]);
  expect(await scopesOf({ ...v2, ...mine, azp: undefined })).toBe(401);
  const other = { iss: v2.iss.replace(TENANT, TENANT.replaceAll("5", "6")) };
  expect(await scopesOf({ ...v2, ...mine, ...other })).toBe(401);
});

test("Auth0: the issuer's slash, permissions as scopes, an audience beside that of its own", async () => {
  const auth0 = { iss: "https://acme.eu.auth0.com/", azp: "c", scope: "openid files.read" };
  const aud = [gateway.origin, "https://acme.eu.auth0.com/userinfo"];
  expect(await scopesOf({ ...auth0, aud, permissions: ["files.write"] })).toEqual([
    ...["openid", "files.read", "files.write"],
  ]);
  expect(await scopesOf({ ...auth0, iss: "https://acme.eu.auth0.com" })).toBe(401);
});

test("Keycloak: roles of the realm and of the gateway's own client, whose id has dots; its ID tokens are none", async () => {
  const keycloak = {
    ...{ iss: "https://sso.acme.example/realms/acme", typ: "Bearer", scope: "profile" },
    realm_access: { roles: ["offline_access", "operator"] },
    resource_access: { "my.gateway": { roles: ["caller"] }, account: { roles: ["view-profile"] } },
  };
  expect(await scopesOf(keycloak)).toEqual(["profile", "by-realm", "by-client"]);
  expect(await scopesOf({ ...keycloak, typ: "ID" })).toBe(401);
});

test("Google: ID tokens of the own domain, by either spelling of the issuer; nobody else's", async () => {
  const google = { iss: GOOGLE, hd: "acme.example", at_hash: "x", email: "ada@acme.example" };
  const known = await profileOf(google);
  expect(known).toEqual({ scopes: [], user: "ada@acme.example" });
  expect(await profileOf({ ...google, iss: "accounts.google.com" })).toEqual(known);
  expect(await scopesOf({ ...google, hd: undefined })).toBe(401);
  expect(await scopesOf({ ...google, hd: "elsewhere.example" })).toBe(401);
  expect(await scopesOf({ ...google, nonce: "n" })).toBe(401);
});

test("what their claims stand for is what they may call", async () => {
  const okta = { iss: "https://acme.okta.com/oauth2/default", cid: "0oa1", sub: "bob" };
  const use = async (claims: Claims) => {
    const credential = await issued({ ...okta, ...claims });
    return (await toolCall(gateway.origin, "/servers/filed/mcp", credential, "test_simple_text", {})).status;
  };
  expect(await use({ groups: ["Admin"] })).toBe(200);
  expect(await use({ groups: ["Other"], scp: ["files.read"] })).not.toBe(200);
});
