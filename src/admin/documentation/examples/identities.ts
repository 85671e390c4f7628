import { type Examples, ids, ownNamespace, page, times } from "./example.ts";

const { created_at: createdAt, updated_at: updatedAt } = times;
const shownUser = {
  ...{ id: ids.user, username: "ada", email: "ada@example.org", email_verified: true },
  ...{ must_change_password: false, last_login_at: updatedAt },
};
const user = {
  ...{ ...shownUser, role: "user", platform_admin: false, permissions: ["tickets:*"], active: true },
  ...{ has_password: true, ...times },
};
const tokens = {
  ...{ access_token: "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl", token_type: "Bearer", expires_in: 600 },
  ...{ refresh_token: "mgr_c2VhbGVk", must_change_password: false },
};
const profile = {
  ...{ id: `user:${ids.user}`, kind: "user", name: "ada", organization_id: ids.organization },
  ...{ namespace_id: ids.namespace, role: "user", platform_admin: false, permissions: ["tickets:*"] },
  ...{ groups: null, scopes: null, acts: ["server.list", "server.get", "auth.password"], expires_at: null },
  ...{ updated_at: updatedAt, user: shownUser },
};
const apiKey = {
  ...{ id: ids.key, name: "laptop", prefix: "mgw_4f2a", type: "user", role: "user", platform_admin: false },
  ...{ permissions: ["files:read_*", "tickets:*"], ...ownNamespace, user_id: ids.user, status: "active" },
  ...{ created_by: `user:${ids.user}`, created_at: createdAt, expires_at: "2027-05-01T00:00:00.000Z" },
  ...{ last_used_at: null, updated_at: createdAt },
};
const publicKey = {
  ...{ kty: "OKP", crv: "Ed25519", kid: "2026-11", alg: "EdDSA" },
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
};

const keyExamples: Examples = {
  "own-keys-list": page(apiKey),
  "own-keys-create": {
    body: {
      ...{ name: "laptop", permissions: ["files:read_*", "tickets:*"], namespace: "default" },
      expires_at: "2027-05-01T00:00:00Z",
    },
    answer: { ...apiKey, key: "mgw_4f2a_shown-this-once" },
  },
  "own-keys-get": { answer: apiKey },
  "own-keys-jwks": { body: { keys: [publicKey] } },
  "keys-list": page(apiKey),
  "keys-get": { answer: apiKey },
};

export const identityExamples: Examples = {
  ...keyExamples,
  login: { body: { organization: "default", username: "ada", password: "correct horse" }, answer: tokens },
  refresh: { body: { refresh_token: "mgr_c2VhbGVk" }, answer: tokens },
  password: { body: { current_password: "correct horse", new_password: "battery staple, twice" } },
  "profile-get": { answer: profile },
  "profile-update": { body: { email: "ada@example.org" }, answer: profile },
  "a2a-token": {
    body: { grant_type: "client_credentials", client_secret: "mgw_the-key-of-an-application" },
    answer: {
      ...{ access_token: tokens.access_token, token_type: "Bearer", expires_in: 600 },
      scope: "tickets:*",
    },
  },
  jwks: { answer: { keys: [{ ...publicKey, use: "sig" }] } },
  "oidc-callback": { answer: tokens },
  "users-list": page(user),
  "users-create": {
    body: { username: "ada", email: "ada@example.org", role: "user", permissions: ["tickets:*"] },
    answer: user,
  },
  "users-get": { answer: user },
  "users-update": {
    body: { role: "viewer", active: false },
    answer: { ...user, role: "viewer", active: false },
  },
};
