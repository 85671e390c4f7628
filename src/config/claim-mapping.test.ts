import { expect, test } from "bun:test";
import { sampleLoader } from "./load.testing.ts";
import { applicable } from "./restart.ts";

const { load, problemsOf, settingsOf } = sampleLoader();

const issue = `oauth: { enabled: true, provider: okta, authorization_servers: ["https://acme.okta.com/oauth2/default"] }
auth:
  claims: [groups, roles]
  mappings: { "groups:Admin": ["scope:admin"], "groups:User": ["scope:user"] }
  permissions: { "n8n:*": ["scope:user"], "admin:user_management": ["scope:admin"] }
  options: { scope_mode: any, default_scope: null }
`;

test("the shape people know is taken as it is", async () => {
  const { auth, providers } = await settingsOf(issue);
  expect(auth.claimMapping).toEqual({
    claims: ["groups", "roles"],
    mappings: { "groups:Admin": ["scope:admin"], "groups:User": ["scope:user"] },
    permissions: { "n8n:*": ["scope:user"], "admin:user_management": ["scope:admin"] },
    scopeMode: "any",
    defaultScope: undefined,
  });
  expect(providers).toMatchObject([{ name: "okta", groupClaims: ["groups"], accessTokenClaims: ["cid"] }]);
});

test("a pattern that no server can have a name for is taken, and said to permit nothing; acts are patterns of their own", async () => {
  const notes = async (yaml: string) => {
    const loaded = await load(yaml);
    return "notes" in loaded && loaded.notes;
  };
  expect(await notes(issue)).toEqual([]);
  expect(await notes(issue.replace("admin:user", "metrics:user"))).toEqual([
    expect.stringContaining("auth.permissions metrics:user_management permits nothing"),
  ]);
  expect(await notes(issue.replace("provider: okta,", 'provider: okta, permissions: ["admin:*"],'))).toEqual([
    expect.stringContaining("oauth permissions admin:* permits nothing"),
  ]);
});

test("a file that says nothing of claims leaves them to the API", async () => {
  expect(
    (await settingsOf("auth: { options: { default_scope: null } }\n")).auth.claimMapping,
  ).toBeUndefined();
  expect((await settingsOf("auth: { permissions: {} }\n")).auth.claimMapping).toBeDefined();
});

test("what is said of claims is taken on while running, and who may come without a credential is not", async () => {
  const current = await settingsOf("auth: { claims: [groups] }\n");
  const next = await settingsOf("auth: { claims: [roles], anonymous: { role: viewer } }\n");
  const { settings, restartNeeded } = applicable(current, next);
  expect(settings.auth.claimMapping?.claims).toEqual(["roles"]);
  expect([settings.auth.anonymous, restartNeeded]).toEqual([undefined, ["auth.anonymous"]]);
});

test.each([
  [
    "a server alone",
    'auth:\n  permissions:\n    n8n: ["s"]\n',
    'gateway.yaml:3:5: auth.permissions.n8n: found "n8n", expected a pattern such as "github:*" or "github:create_issue". Fix: write "n8n:*".',
  ],
  [
    "a name as it is on the wire",
    'auth:\n  permissions:\n    "ok:*": ["s"]\n    GitHub__create_issue:\n      - s\n',
    'gateway.yaml:4:5: auth.permissions.GitHub__create_issue: found "GitHub__create_issue", expected a pattern such as "github:*" or "github:create_issue". Fix: write "github:create_issue".',
  ],
  [
    "an area there is none of",
    'auth:\n  permissions:\n    "admin:users": ["s"]\n',
    expect.stringMatching(
      /^gateway\.yaml:3:5: auth\.permissions\."admin:users": found "admin:users", expected "admin:" with an area .*user_management.*\. Fix: write "admin:user_management"\.$/,
    ),
  ],
  [
    "an act of platform administrators",
    'auth:\n  permissions:\n    "admin:organization.create": ["s"]\n',
    expect.stringContaining(`found "admin:organization.create", expected "admin:" with an area`),
  ],
  [
    "acts of a namespace",
    'auth:\n  permissions:\n    "prod/admin:*": ["s"]\n',
    'gateway.yaml:3:5: auth.permissions."prod/admin:*": found "prod/admin:*", expected acts of administration without a namespace: they are the organisation\'s. Fix: write "admin:*".',
  ],
  [
    "a value without its claim",
    'auth:\n  claims: [groups]\n  mappings: { Admin: ["s"] }\n',
    'gateway.yaml:3:15: auth.mappings.Admin: found "Admin", expected one of the claims that are read (groups), a colon, and its value. Fix: write "groups:Admin".',
  ],
  [
    "a claim nobody reads",
    'auth:\n  claims: [groups]\n  mappings: { "https://acme.example/roles:Admin": ["s"] }\n',
    'gateway.yaml:3:15: auth.mappings."https://acme.example/roles:Admin": found "https://acme.example/roles:Admin", expected one of the claims that are read (groups), a colon, and its value. Fix: add "https://acme.example/roles" to the claims.',
  ],
  [
    "two scopes in one",
    'auth:\n  permissions: { "n8n:*": ["read write"] }\n',
    'gateway.yaml:2:28: auth.permissions."n8n:*"[0]: found "read write", expected one scope: 1 to 256 printable characters, no space, quote or backslash. Fix: write "read", "write".',
  ],
  [
    "no list of scopes",
    'auth:\n  permissions: { "n8n:*": { any: s } }\n',
    'gateway.yaml:2:27: auth.permissions."n8n:*": found a map, expected a list of scopes. Fix: write it as ["…"].',
  ],
])("%s is refused where it stands, with the likely fix", async (_what, yaml, problem) => {
  expect(await problemsOf(yaml)).toEqual([problem]);
});

const provider = (preset: string, issuer: string, more = "") =>
  `oauth:\n  enabled: true\n  provider: ${preset}\n  authorization_servers: ["${issuer}"]\n${more}`;
const tenant = "5f3c1d1e-9f0a-4a37-8a0e-1c2d3e4f5a6b";

test.each([
  ["okta", "https://acme.okta.com", "https://acme.okta.com/oauth2/default"],
  ["entra", "https://login.microsoftonline.com/common/v2.0", "<tenant id>/v2.0"],
  ["entra", "https://login.microsoftonline.com/acme.onmicrosoft.com/v2.0", "<tenant id>/v2.0"],
  ["entra", `https://login.microsoftonline.com/${tenant}`, `${tenant}/v2.0`],
  ["entra", `https://login.microsoftonline.com/${tenant}/v2.0/`, `${tenant}/v2.0`],
  ["keycloak", "https://sso.acme.example", "https://sso.acme.example/realms/<realm>"],
])("an issuer %s tokens never have is refused: %s", async (preset, issuer, fix) => {
  const problems = await problemsOf(provider(preset, issuer));
  expect(problems).toEqual([
    expect.stringMatching(/^gateway\.yaml:4:\d+: oauth\.authorization_servers: found issuer /),
  ]);
  expect(problems[0]).toContain(fix);
});

test("each product's issuers are spelled as its tokens spell them", async () => {
  const of = async (preset: string, issuer: string, more = "") => {
    const [one] = (await settingsOf(provider(preset, issuer, more))).providers;
    return [one?.issuer, ...(one?.otherIssuers ?? [])];
  };
  const v2 = `https://login.microsoftonline.com/${tenant}/v2.0`;
  const v1 = `https://sts.windows.net/${tenant}/`;
  expect(await of("entra", v2)).toEqual([v2, v1]);
  expect(await of("entra", v1)).toEqual([v1, v2]);
  expect(await of("auth0", "https://acme.eu.auth0.com")).toEqual(["https://acme.eu.auth0.com/"]);
  expect(await of("okta", "https://acme.okta.com", "  client_id: sign-in-only\n")).toEqual([
    "https://acme.okta.com",
  ]);
  const google = (await settingsOf("oauth: { enabled: true, provider: google }\n")).providers;
  expect(google).toMatchObject([{ issuer: "https://accounts.google.com", takesIdTokens: true }]);
});

test("Google makes no users for the whole world", async () => {
  const open = "oauth: { enabled: true, provider: google, jit: true }\n";
  expect(await problemsOf(open)).toEqual([
    expect.stringContaining("oauth.jit: found users for everybody who has a Google account"),
  ]);
  expect(await problemsOf(open.replace("true }", "true, required_claims: { hd: [acme.example] } }"))).toEqual(
    [],
  );
});

test("an issuer belongs to one provider, in whichever of its spellings", async () => {
  const v2 = `https://login.microsoftonline.com/${tenant}/v2.0`;
  const v1 = `https://sts.windows.net/${tenant}/`;
  const entry = (name: string, issuer: string) =>
    `    - { name: ${name}, preset: entra, issuer: "${issuer}", organization: ${name} }\n`;
  const both = `oauth:\n  enabled: true\n  providers:\n${entry("acme", v2)}${entry("globex", v1)}`;
  expect(await problemsOf(both)).toEqual([
    expect.stringContaining(`oauth.providers[1]: found "${v1}" a second time`),
  ]);
});
