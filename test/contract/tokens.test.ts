import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { ownSignIn } from "../../src/admin/own-account.ts";
import { AccessTokens } from "../../src/auth/jwt/access-token.ts";
import { KeyRing } from "../../src/auth/jwt/key-ring.ts";
import { ownTokenLook } from "../../src/auth/jwt/look.ts";
import { newPassword, Passwords } from "../../src/auth/user/password.ts";
import { TokenSignIns } from "../../src/auth/user/sign-ins.ts";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";
import { type Tenant, tenant } from "./store-fixture.ts";

const URL_OF_GATEWAY = "https://gateway.test";
const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-tokens-"));
const state = { now: Date.now() };
const clock = { now: () => state.now };
const sealer = createSealer([randomBytes(32)]);
const password = newPassword();
let store: OperatedStore;
let tokens: AccessTokens;
let signIns: TokenSignIns;
let look: ReturnType<typeof ownTokenLook>;
let one: Tenant;
let ring: KeyRing;
const revoked: string[] = [];

beforeAll(async () => {
  store = await openStore({ kind: "sqlite", path: join(folder, "gateway.db") }, sealer);
  await store.migrateUp();
  one = await tenant(store);
  ring = new KeyRing(store.signingKeys, clock);
  tokens = new AccessTokens(URL_OF_GATEWAY, ring, clock);
  look = ownTokenLook({ tokens, store, clock });
  signIns = new TokenSignIns({
    store,
    passwords: new Passwords(),
    tokens,
    sealer,
    clock,
    onRevoked: (id) => revoked.push(id),
  });
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function person(over: { passwordHash?: string | null; mustChangePassword?: boolean } = {}) {
  const id = Bun.randomUUIDv7();
  return store.users.create({
    id,
    organizationId: one.organizationId,
    username: `ann-${id.slice(24)}`,
    email: null,
    passwordHash: await new Passwords().hash(password),
    role: "user",
    platformAdmin: false,
    permissions: ["github:*"],
    ...over,
  });
}
const login = (username: string, secret = password, clientAddress = "10.0.0.1") =>
  signIns.login({ organization: one.organization.slug, username, password: secret, clientAddress });
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (failure: { code?: string }) => failure.code,
  );
const principalOf = async (token: string) => (await look(token)).principal;

describe("a token of ours", () => {
  test("says who, and the store says what they may", async () => {
    const user = await person();
    const { tokens: issued } = await login(user.username);
    expect(issued).toMatchObject({ token_type: "Bearer", expires_in: 600, must_change_password: false });
    expect(await principalOf(issued.access_token)).toMatchObject({
      id: `user:${user.id}`,
      kind: "user",
      userId: user.id,
      organizationId: one.organizationId,
      namespaceId: one.namespaceId,
      permissions: ["github:*"],
    });
    await store.users.update(one.organizationId, user.id, { permissions: [], role: "viewer" });
    expect(await principalOf(issued.access_token)).toMatchObject({ permissions: [], role: "viewer" });
    await store.users.update(one.organizationId, user.id, { isActive: false });
    expect(await principalOf(issued.access_token)).toBeUndefined();
  });

  test("is refused in every shape an attack gives it", async () => {
    const user = await person();
    const { tokens: issued } = await login(user.username);
    const [header = "", payload = "", signature = ""] = issued.access_token.split(".");
    const decode = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const good = decode(header);
    const claims = decode(payload);
    expect(good).toMatchObject({ alg: "EdDSA", typ: "at+jwt" });
    const { keys } = await ring.jwks();
    const foreign = await generateKeyPair("EdDSA", { extractable: true });
    const foreignJwk = await exportJWK(foreign.publicKey);
    const signed = (head: object, body: JWTPayload = claims) =>
      new SignJWT(body).setProtectedHeader({ ...good, ...head }).sign(foreign.privateKey);
    const hmac = await new SignJWT(claims)
      .setProtectedHeader({ ...good, alg: "HS256" })
      .sign(new TextEncoder().encode(JSON.stringify(keys[0])));
    const hmacOfPoint = await new SignJWT(claims)
      .setProtectedHeader({ ...good, alg: "HS256" })
      .sign(Buffer.from(String(keys[0]?.x), "base64url"));
    const attacks: Record<string, string> = {
      none: `${encode({ ...good, alg: "none" })}.${payload}.`,
      "none with a signature": `${encode({ ...good, alg: "nOnE" })}.${payload}.${signature}`,
      "no signature": `${header}.${payload}.`,
      "the public key as an HMAC secret": hmac,
      "the public point as an HMAC secret": hmacOfPoint,
      "another payload": `${header}.${encode({ ...claims, sub: "user:x" })}.${signature}`,
      "another's key under our key id": await signed({}),
      "an unknown key id": await signed({ kid: "other" }),
      "a key id that is a path": await signed({ kid: "../../../../dev/null" }),
      "a key id that is SQL": await signed({ kid: "' or '1'='1" }),
      "a key in the header": await signed({ jwk: foreignJwk, kid: undefined }),
      jku: await signed({ jku: "https://evil.test/jwks.json", kid: "evil" }),
      x5u: await signed({ x5u: "https://evil.test/cert.pem", kid: "evil" }),
      "an unknown critical header": `${encode({ ...good, crit: ["exp"], exp: 1 })}.${payload}.${signature}`,
    };
    for (const [name, token] of Object.entries(attacks))
      expect([name, await principalOf(token)]).toEqual([name, undefined]);
    expect(await principalOf(issued.access_token)).toBeDefined();
  });

  test("is for this gateway, of the kind it says, and ends on time", async () => {
    const user = await person();
    const { signInId } = (await principalOf((await login(user.username)).tokens.access_token)) ?? {};
    const { id: kid, key } = await ring.signer();
    const seconds = Math.floor(state.now / 1000);
    const make = (over: JWTPayload, typ = "at+jwt") =>
      new SignJWT({
        iss: URL_OF_GATEWAY,
        aud: URL_OF_GATEWAY,
        sub: `user:${user.id}`,
        org: one.organizationId,
        sid: signInId,
        iat: seconds,
        exp: seconds + 600,
        ...over,
      })
        .setProtectedHeader({ alg: "EdDSA", typ, kid })
        .sign(key);
    expect(await principalOf(await make({}))).toBeDefined();
    expect(await principalOf(await make({ aud: ["https://other.test", URL_OF_GATEWAY] }))).toBeDefined();
    for (const over of [
      { iss: "https://other.test" },
      { iss: `${URL_OF_GATEWAY}/` },
      { aud: "https://other.test" },
      { aud: [] },
      { exp: undefined },
      { org: undefined },
      { sub: "admin" },
      { sid: Bun.randomUUIDv7() },
      { nbf: seconds + 60 },
    ] as JWTPayload[])
      expect([over, await principalOf(await make(over))]).toEqual([over, undefined]);
    expect(await principalOf(await make({}, "JWT"))).toBeUndefined();
    // Five seconds of leeway between our own clocks, and not one more.
    expect(await principalOf(await make({ exp: seconds - 4 }))).toBeDefined();
    expect(await principalOf(await make({ exp: seconds - 5 }))).toBeUndefined();
    expect(await principalOf(await make({ nbf: seconds + 5 }))).toBeDefined();
  });

  test("outlives the rotation of its key, which other processes follow", async () => {
    const user = await person();
    const { tokens: issued } = await login(user.username);
    const elsewhere = new AccessTokens(URL_OF_GATEWAY, new KeyRing(store.signingKeys, clock), clock);
    expect(await elsewhere.verify(issued.access_token)).toHaveProperty("subject");
    const before = (await ring.signer()).id;
    state.now += 30 * 86_400_000 + 1;
    const after = await ring.signer();
    expect(after.id).not.toBe(before);
    expect((await ring.jwks()).keys.map(({ kid }) => kid)).toEqual([after.id, before]);
    expect((await ring.jwks()).keys.every((jwk) => jwk.d === undefined)).toBe(true);
    const { token } = await tokens.issue({
      subject: `user:${user.id}`,
      organizationId: one.organizationId,
      signInId: "x",
    });
    expect(await elsewhere.verify(token)).toMatchObject({ subject: `user:${user.id}` });
  });
});

describe("signing in", () => {
  test("one answer for every failure, and a wait of a minute after ten of them", async () => {
    const user = await person();
    const idle = await person({ passwordHash: null });
    const failures = [
      login(user.username, "wrong"),
      login("nobody-here"),
      login(idle.username, ""),
      signIns.login({ organization: "none", username: "x", password, clientAddress: "10.0.0.1" }),
    ].map(codeOf);
    expect(await Promise.all(failures)).toEqual(Array(4).fill("invalid_credentials"));
    for (let n = 0; n < 9; n++)
      expect(await codeOf(login(user.username, "wrong"))).toBe("invalid_credentials");
    expect(await codeOf(login(user.username))).toBe("too_many_failures");
    // Elsewhere, and for others, nothing is locked.
    expect(await codeOf(login(user.username, password, "10.0.0.2"))).toBeUndefined();
    state.now += 60_000;
    expect(await codeOf(login(user.username.toUpperCase()))).toBeUndefined();
  });

  test("of many guesses at once the right one is not told, where the others were too many", async () => {
    const user = await person();
    const guesses = Array.from({ length: 40 }, (_, n) => login(user.username, n === 39 ? password : "wrong"));
    const codes = await Promise.all(guesses.map(codeOf));
    expect(codes[39]).toBe("too_many_failures");
    expect(new Set(codes)).toEqual(new Set(["invalid_credentials", "too_many_failures"]));
    // Those that were being compared when the tenth was counted.
    expect(codes.filter((code) => code === "invalid_credentials").length).toBeLessThan(20);
  }, 20_000);

  test("a bcrypt hash is taken once and replaced", async () => {
    const user = await person({
      passwordHash: await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 }),
    });
    expect(await codeOf(login(user.username))).toBeUndefined();
    expect((await store.users.find(one.organizationId, user.id))?.passwordHash).toStartWith("$argon2id$");
    expect(await codeOf(login(user.username))).toBeUndefined();
  });

  test("an unknown name takes as long as a wrong password", async () => {
    const user = await person();
    const time = async (name: string, address: string) => {
      const times: number[] = [];
      for (let n = 0; n < 7; n++) {
        const began = performance.now();
        await codeOf(login(name, "wrong password", address));
        times.push(performance.now() - began);
      }
      return times.sort((a, b) => a - b)[3] as number;
    };
    const [known, unknown] = [await time(user.username, "10.1.0.1"), await time("nobody", "10.1.0.2")];
    expect(Math.max(known, unknown) / Math.min(known, unknown)).toBeLessThan(2);
  });

  test("each refresh token works once; the second time ends the sign-in", async () => {
    const user = await person();
    const first = (await login(user.username)).tokens;
    const second = (await signIns.refresh(first.refresh_token)).tokens;
    const third = (await signIns.refresh(second.refresh_token)).tokens;
    expect(await principalOf(third.access_token)).toBeDefined();
    revoked.length = 0;
    expect(await codeOf(signIns.refresh(first.refresh_token))).toBe("invalid_grant");
    expect(revoked).toEqual([user.id]);
    expect(await codeOf(signIns.refresh(third.refresh_token))).toBe("invalid_grant");
    for (const { access_token } of [first, second, third])
      expect(await principalOf(access_token)).toBeUndefined();
  });

  test("of ten refreshes at once one gets tokens, and none of what follows works on", async () => {
    const user = await person();
    const { refresh_token } = (await login(user.username)).tokens;
    const answers = await Promise.allSettled(
      Array.from({ length: 10 }, () => signIns.refresh(refresh_token)),
    );
    const won = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value.tokens] : []));
    expect(won.length).toBeLessThanOrEqual(1);
    for (const answer of answers)
      if (answer.status === "rejected") expect(answer.reason).toMatchObject({ code: "invalid_grant" });
    for (const { access_token, refresh_token: next } of won) {
      expect(await principalOf(access_token)).toBeUndefined();
      expect(await codeOf(signIns.refresh(next))).toBe("invalid_grant");
    }
  });

  test("a made-up refresh token ends nobody's sign-in; a deactivated user's gets nothing", async () => {
    const user = await person();
    const { refresh_token } = (await login(user.username)).tokens;
    const other = createSealer([randomBytes(32)]);
    const ticket = `mgr_${other.seal("refresh-token", `${one.organizationId} x 0`)}`;
    for (const token of [
      "",
      "mgr_",
      ticket,
      refresh_token.slice(0, -1),
      `${refresh_token}A`,
      "mgr_".repeat(200),
    ])
      expect(await codeOf(signIns.refresh(token))).toBe("invalid_grant");
    const next = (await signIns.refresh(refresh_token)).tokens;
    await store.users.update(one.organizationId, user.id, { isActive: false });
    expect(await codeOf(signIns.refresh(next.refresh_token))).toBe("invalid_grant");
  });

  test("signing out ends that sign-in alone; a new password all others", async () => {
    const user = await person();
    const [a, b, c] = [
      await login(user.username),
      await login(user.username),
      await login(user.username),
    ].map(({ tokens: each }) => each.access_token) as [string, string, string];
    const [pa, pb] = [await principalOf(a), await principalOf(b)];
    if (pa === undefined || pb === undefined) throw new Error("no principal");
    await signIns.logout(ownSignIn(pa));
    expect(await principalOf(a)).toBeUndefined();
    const next = newPassword();
    expect(await codeOf(signIns.changePassword(ownSignIn(pb), "wrong", next))).toBe("current_password_wrong");
    for (const bad of ["short", "x".repeat(300), "aaaaaaaaaaaaaaaa", `${user.username} and more`, password])
      expect(await codeOf(signIns.changePassword(ownSignIn(pb), password, bad))).toBe("password_refused");
    await signIns.changePassword(ownSignIn(pb), password, next);
    expect(await principalOf(b)).toBeDefined();
    expect(await principalOf(c)).toBeUndefined();
    expect(await codeOf(login(user.username))).toBe("invalid_credentials");
    expect(await codeOf(login(user.username, next))).toBeUndefined();
  });

  test("whoever must change the password may do nothing else", async () => {
    const user = await person({ mustChangePassword: true });
    const { tokens: issued } = await login(user.username);
    expect(issued.must_change_password).toBe(true);
    const principal = await principalOf(issued.access_token);
    expect(principal).toMatchObject({ role: "api_user", permissions: [], platformAdmin: false });
    if (principal) await signIns.changePassword(ownSignIn(principal), password, newPassword());
    expect(await principalOf(issued.access_token)).toMatchObject({ role: "user", permissions: ["github:*"] });
  });
});
