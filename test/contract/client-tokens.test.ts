import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { Assertions } from "../../src/auth/a2a/assertion.ts";
import { KeyedClientTokens } from "../../src/auth/a2a/client-tokens.ts";
import { displayPrefix, newCredential } from "../../src/auth/api-key/credential.ts";
import { loadApiKeyDigest } from "../../src/auth/api-key/digest.ts";
import { AccessTokens } from "../../src/auth/jwt/access-token.ts";
import { KeyRing } from "../../src/auth/jwt/key-ring.ts";
import { ownTokenLook } from "../../src/auth/jwt/look.ts";
import { standingOf } from "../../src/auth/standing.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import type { Principal } from "../../src/model/principal.ts";
import { compilePermissions } from "../../src/policy/authorize/permissions.ts";
import { openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";
import { newKey, type Tenant, tenant } from "./store-fixture.ts";

const URL_OF_GATEWAY = "https://gateway.test";
const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-clients-"));
const state = { now: Date.now() };
const clock = { now: () => state.now };
let store: OperatedStore;
let tokens: AccessTokens;
let look: ReturnType<typeof ownTokenLook>;
let one: Tenant;

beforeAll(async () => {
  store = await openStore(
    { kind: "sqlite", path: join(folder, "gateway.db") },
    createSealer([randomBytes(32)]),
  );
  await store.migrateUp();
  one = await tenant(store);
  tokens = new AccessTokens(URL_OF_GATEWAY, new KeyRing(store.signingKeys, clock), clock);
  look = ownTokenLook({ tokens, store, clock });
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (failure: { code?: string }) => failure.code,
  );
const principalOf = async (token: string) => (await look(token)).principal;

describe("an application", () => {
  async function application(over: Parameters<typeof newKey>[1] = {}) {
    const digest = await loadApiKeyDigest(store.settings);
    const credential = newCredential();
    const key = await store.apiKeys.create(
      newKey(one.organizationId, {
        type: "a2a",
        permissions: ["github:*", "files:read"],
        prefix: displayPrefix(credential),
        hash: digest(credential),
        ...over,
      }),
    );
    const assertions = new Assertions(store.clients, [URL_OF_GATEWAY], clock);
    const clients = new KeyedClientTokens({ store: store.acrossTenants, digest, assertions, tokens, clock });
    return { credential, key, clients };
  }

  test("exchanges its key for a token that is never wider and ends with it", async () => {
    const { credential, key, clients } = await application({ expiresAt: state.now + 100_000 });
    const { token } = await clients.exchange({ key: credential, scope: "github:issues files:read" });
    expect(token).toMatchObject({ token_type: "Bearer", expires_in: 100, scope: "github:issues files:read" });
    expect(await principalOf(token.access_token)).toMatchObject({
      id: `client:${key.id}`,
      kind: "client",
      keyId: key.id,
      permissions: ["github:issues", "files:read"],
    });
    for (const scope of ["*", "files:*", "github:* other:x"])
      expect(await codeOf(clients.exchange({ key: credential, scope }))).toBe("invalid_scope");
    await store.apiKeys.update(one.organizationId, key.id, { permissions: ["files:*"] });
    expect((await principalOf(token.access_token))?.permissions).toEqual(["files:read"]);
    await store.apiKeys.revoke(one.organizationId, key.id, state.now);
    expect(await principalOf(token.access_token)).toBeUndefined();
    expect(await codeOf(clients.exchange({ key: credential }))).toBe("invalid_client");
  });

  test("an administrator's token for some patterns is no administrator's, whatever becomes of the key", async () => {
    const { credential, key, clients } = await application({ role: "admin", platformAdmin: true });
    const { token } = await clients.exchange({ key: credential, scope: "files:read" });
    const bearer = await principalOf(token.access_token);
    const narrow = { platformAdmin: false, isNarrowed: true, permissions: ["files:read"] };
    expect(bearer).toMatchObject(narrow);
    await store.apiKeys.update(one.organizationId, key.id, { permissions: ["*"] });
    const now = await standingOf(store, clock, (same) => same, bearer as Principal);
    expect(now?.(bearer as Principal)).toMatchObject(narrow);
  });

  test.each([
    ["an administrator's", { role: "admin" }],
    ["a platform administrator's", { role: "user", platformAdmin: true }],
  ] as const)(
    "%s key without patterns reaches all: its token is for what it asks for, and no more",
    async (_whose, rights) => {
      const { credential, key, clients } = await application({ ...rights, permissions: [] });
      const asked = ["github:issues", "files:resource:file:///srv/*", "research/papers:*"];
      const { token } = await clients.exchange({ key: credential, scope: asked.join(" ") });
      expect(token.scope).toBe(asked.join(" "));
      const bearer = (await principalOf(token.access_token)) as Principal;
      expect(bearer).toMatchObject({ platformAdmin: false, isNarrowed: true, permissions: asked });
      const may = compilePermissions(bearer, "default");
      expect([may.tool("github", "issues"), may.tool("github", "push"), may.tool("papers", "x")]).toEqual([
        ...[true, false, false],
      ]);
      expect([may.resource("files", "file:///srv/a"), may.resource("files", "file:///etc/a")]).toEqual([
        ...[true, false],
      ]);
      expect(may.extension("github", "x/y")).toBe(false);
      // What is no pattern of calls would mean something else somewhere.
      for (const scope of [
        ...["admin:user_management", "admin:*", "github", "github:", ":*", "UPPER:*", "a/b/c:*", "*/x:*"],
        ...["x:*\ny:*", "x:*\ty:*", `x:${"a".repeat(511)}`, "github:issues nothing", "*:* admin:key.create"],
      ])
        expect([scope, await codeOf(clients.exchange({ key: credential, scope }))]).toEqual([
          scope,
          "invalid_scope",
        ]);
      const nothing = await clients.exchange({ key: credential, scope: " " });
      const empty = (await principalOf(nothing.token.access_token)) as Principal;
      expect(compilePermissions(empty, "default").tool("github", "issues")).toBe(false);
      // All that can be asked for is no administrator still.
      const all = (await clients.exchange({ key: credential, scope: "*:*" })).token.access_token;
      expect(await principalOf(all)).toMatchObject({ platformAdmin: false, isNarrowed: true });

      const standing = async () => (await standingOf(store, clock, (same) => same, bearer))?.(bearer);
      expect(await standing()).toBe(bearer);
      await store.apiKeys.update(one.organizationId, key.id, {
        ...{ role: "user", platformAdmin: false, permissions: ["github:*"] },
      });
      const left = { role: "user", permissions: ["github:issues"], isNarrowed: true };
      expect(await principalOf(token.access_token)).toMatchObject(left);
      expect(await standing()).toMatchObject(left);
      expect(await codeOf(clients.exchange({ key: credential, scope: "files:read" }))).toBe("invalid_scope");
    },
  );

  test("a user's key, an unknown one and none are refused alike", async () => {
    const { credential, clients } = await application({ type: "user" });
    for (const request of [
      { key: credential },
      { key: newCredential() },
      { key: "x" },
      {},
      { key: credential, assertion: "x" },
    ])
      expect(await codeOf(clients.exchange(request))).toBe("invalid_client");
  });

  test("its assertion is taken once, and in none of the wrong shapes", async () => {
    const { key, clients } = await application();
    const pair = await generateKeyPair("ES256", { extractable: true });
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: "a", alg: "ES256" }] });
    await store.clients.register(one.organizationId, key.id, jwks);
    const seconds = Math.floor(state.now / 1000);
    const make = (over: JWTPayload = {}, signer = pair.privateKey) =>
      new SignJWT({
        iss: key.id,
        sub: key.id,
        aud: URL_OF_GATEWAY,
        jti: Bun.randomUUIDv7(),
        exp: seconds + 60,
        ...over,
      })
        .setProtectedHeader({ alg: "ES256", kid: "a" })
        .sign(signer);
    const assertion = await make();
    const attempts = await Promise.all(
      Array.from({ length: 6 }, () => codeOf(clients.exchange({ assertion }))),
    );
    expect(attempts.filter((code) => code === undefined)).toHaveLength(1);
    const other = await generateKeyPair("ES256");
    for (const bad of [
      await make({ aud: "https://other.test" }),
      await make({ iss: Bun.randomUUIDv7() }),
      await make({ jti: undefined }),
      await make({ exp: seconds + 3_600 }),
      await make({ exp: seconds - 31 }),
      await make({ exp: undefined }),
      await make({}, other.privateKey),
      "a.b.c",
    ])
      expect(await codeOf(clients.exchange({ assertion: bad }))).toBe("invalid_client");
    expect(await codeOf(clients.exchange({ assertion: await make() }))).toBeUndefined();
  });
});
