import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { displayPrefix, newCredential } from "../../src/auth/api-key/credential.ts";
import { type ApiKeyDigest, loadApiKeyDigest } from "../../src/auth/api-key/digest.ts";
import { apiKeyLook } from "../../src/auth/api-key/look.ts";
import { CredentialCache, type CredentialLimits } from "../../src/auth/credential-cache.ts";
import { GatewayError } from "../../src/errors/gateway-error.ts";
import type { AcrossTenants, NewApiKey, OperatedStore } from "../../src/model/ports/store.ts";
import type { Principal } from "../../src/model/principal.ts";
import { openStore } from "../../src/storage/open.ts";
import { createSealer } from "../../src/storage/sealing.ts";

const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-auth-"));
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
let store: OperatedStore;
let digest: ApiKeyDigest;
let organizationId: string;
let namespaceId: string;

beforeAll(async () => {
  store = await openStore(
    { kind: "sqlite", path: join(folder, "gateway.db") },
    createSealer([randomBytes(32)]),
  );
  await store.migrateUp();
  digest = await loadApiKeyDigest(store.settings);
  organizationId = Bun.randomUUIDv7();
  namespaceId = Bun.randomUUIDv7();
  await store.organizations.create({ id: organizationId, slug: "acme", name: "Acme" });
  await store.namespaces.create({ id: namespaceId, organizationId, slug: "default", name: "Default" });
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function issue(over: Partial<NewApiKey> = {}) {
  const credential = newCredential();
  const key = await store.apiKeys.create({
    id: Bun.randomUUIDv7(),
    organizationId,
    namespaceId: null,
    userId: null,
    name: "ci",
    type: "user",
    role: "user",
    platformAdmin: false,
    permissions: ["github:*", "a:b"],
    prefix: displayPrefix(credential),
    hash: digest(credential),
    expiresAt: null,
    createdBy: null,
    ...over,
  });
  return { credential, key };
}

/** The store, with a line to it that can be cut or stalled. */
function bench(limits: Partial<CredentialLimits> = {}) {
  const state = { now: Date.now(), lookups: 0, line: "up" as "up" | "cut" | "stalled" };
  const cut = () => Promise.reject(new GatewayError("store_unavailable"));
  const line: Pick<AcrossTenants, "apiKeyByHash" | "touchApiKeys"> = {
    apiKeyByHash: (hash) => {
      state.lookups++;
      if (state.line === "cut") return cut();
      if (state.line === "stalled") return new Promise(() => {});
      return store.acrossTenants.apiKeyByHash(hash);
    },
    touchApiKeys: (uses) => (state.line === "up" ? store.acrossTenants.touchApiKeys(uses) : cut()),
  };
  const clock = { now: () => state.now };
  const keys = new CredentialCache({
    look: apiKeyLook({ store: line, digest, clock }),
    touch: (uses) => line.touchApiKeys(uses),
    clock,
    log: quiet,
    limits,
  });
  return { keys, state };
}

const isPrincipal = (answer: unknown): answer is Principal =>
  answer !== undefined && !(answer instanceof Promise);
const codeOf = (answer: unknown) =>
  Promise.resolve(answer).then(
    () => undefined,
    (failure: GatewayError) => failure.code,
  );

describe("api keys", () => {
  test("the principal is the key's; the second answer comes at once and asks nobody", async () => {
    const { credential, key } = await issue();
    const { keys, state } = bench();
    const principal = await keys.authenticate(credential);
    expect(principal).toMatchObject({
      id: `key:${key.id}`,
      name: key.prefix,
      organizationId,
      namespaceId,
      namespaceBound: false,
      role: "user",
      platformAdmin: false,
      permissions: ["github:*", "a:b"],
    });
    expect(keys.authenticate(credential)).toBe(principal as Principal);
    expect(state.lookups).toBe(1);
  });

  test("equal rights have an equal permission key, whatever their order", async () => {
    const { keys } = bench();
    const keyOf = async (over: Partial<NewApiKey>) =>
      (await keys.authenticate((await issue(over)).credential))?.permissionKey;
    const plain = await keyOf({ permissions: ["a:b", "github:*"] });
    expect(await keyOf({ permissions: ["github:*", "a:b", "a:b"] })).toBe(plain as string);
    expect(await keyOf({ role: "admin" })).not.toBe(plain as string);
    expect(await keyOf({ platformAdmin: true })).not.toBe(plain as string);
    expect(await keyOf({ permissions: ["a:b,github:*"] })).not.toBe(plain as string);
  });

  test("nonsense and typing errors never reach the store; unknown keys reach it once", async () => {
    const { keys, state } = bench();
    for (const text of ["", "mgw_", "x".repeat(1_000), newCredential().slice(0, -1)]) {
      expect(keys.authenticate(text)).toBeUndefined();
    }
    expect(state.lookups).toBe(0);
    const unknown = newCredential();
    expect(await keys.authenticate(unknown)).toBeUndefined();
    expect(keys.authenticate(unknown)).toBeUndefined();
    expect(state.lookups).toBe(1);
  });

  test("unknown keys are remembered without the heads they came in", async () => {
    const { keys } = bench();
    const headBytes = 32 * 1_024;
    const refused = async (count: number) => {
      for (let n = 0; n < count; n++) {
        const unknown = newCredential();
        const head = Buffer.alloc(headBytes, unknown).toString("latin1");
        await keys.authenticate(head.slice(0, unknown.length));
      }
      Bun.gc(true);
      return process.memoryUsage().rss;
    };
    const before = await refused(500);
    expect((await refused(4_000)) - before).toBeLessThan((4_000 * headBytes) / 2);
  });

  test("many callers of one unknown key are one question, and questions are bounded", async () => {
    const { keys, state } = bench({ lookupsMax: 4 });
    const { credential } = await issue();
    const answers = await Promise.all(Array.from({ length: 20 }, () => keys.authenticate(credential)));
    expect(answers.every(isPrincipal)).toBe(true);
    expect(state.lookups).toBe(1);
    state.line = "stalled";
    for (let n = 0; n < 4; n++) void keys.authenticate(newCredential());
    expect(await codeOf(keys.authenticate(newCredential()))).toBe("overloaded");
  });

  test("a revoked key stops at once here, and elsewhere within five seconds even if it was idle", async () => {
    const { credential, key } = await issue();
    const [here, elsewhere, idle] = [bench(), bench(), bench()];
    for (const { keys } of [here, elsewhere, idle]) await keys.authenticate(credential);
    await store.apiKeys.revoke(organizationId, key.id, Date.now());
    here.keys.invalidate(key.id);
    expect(await here.keys.authenticate(credential)).toBeUndefined();
    elsewhere.state.now += 4_500;
    expect(isPrincipal(elsewhere.keys.authenticate(credential))).toBe(true);
    await Bun.sleep(10);
    expect(elsewhere.keys.authenticate(credential)).toBeUndefined();
    idle.state.now += 3_600_000;
    expect(await idle.keys.authenticate(credential)).toBeUndefined();
  });

  test("an answer that was asked for before the revocation is not believed", async () => {
    const { credential, key } = await issue();
    const { keys } = bench();
    const answer = keys.authenticate(credential);
    const revoked = store.apiKeys
      .revoke(organizationId, key.id, Date.now())
      .then(() => keys.invalidate(key.id));
    await Promise.all([answer, revoked]);
    expect(await keys.authenticate(credential)).toBeUndefined();
  });

  test("invalidating all asks again for each", async () => {
    const { credential, key } = await issue();
    const { keys, state } = bench();
    await keys.authenticate(credential);
    await store.apiKeys.update(organizationId, key.id, { role: "viewer" });
    keys.invalidate("all");
    expect((await keys.authenticate(credential))?.role).toBe("viewer");
    expect(state.lookups).toBe(2);
  });

  test("while the credentials are known to be unchanged nobody is asked, for minutes and not for ever", async () => {
    const { credential } = await issue();
    const { keys, state } = bench();
    const principal = await keys.authenticate(credential);
    for (let polls = 0; polls < 140; polls++) {
      state.now += 2_000;
      keys.confirmed(state.now);
      expect(keys.authenticate(credential)).toBe(principal as Principal);
    }
    expect(state.lookups).toBe(1);
    for (let polls = 0; polls < 20; polls++) {
      state.now += 2_000;
      keys.confirmed(state.now);
      await keys.authenticate(credential);
    }
    expect(state.lookups).toBe(2);
  });

  test("without a confirmation the next five seconds are the last, and none revives what was voided", async () => {
    const { credential, key } = await issue();
    const [silent, voided] = [bench(), bench()];
    for (const { keys, state } of [silent, voided]) {
      await keys.authenticate(credential);
      state.now += 60_000;
      keys.confirmed(state.now);
    }
    await store.apiKeys.revoke(organizationId, key.id, Date.now());
    silent.state.now += 5_000;
    expect(await silent.keys.authenticate(credential)).toBeUndefined();
    voided.keys.invalidate("all");
    voided.keys.confirmed(voided.state.now + 1);
    expect(await voided.keys.authenticate(credential)).toBeUndefined();
  });

  test("an expired key stops on the millisecond, though it is remembered", async () => {
    const { keys, state } = bench();
    const { credential } = await issue({ expiresAt: state.now + 1_000 });
    expect(isPrincipal(await keys.authenticate(credential))).toBe(true);
    state.now += 999;
    expect(isPrincipal(keys.authenticate(credential))).toBe(true);
    state.now += 1;
    expect(keys.authenticate(credential)).toBeUndefined();
  });

  test("with the store away known keys work for the time allowed, unknown ones get 503", async () => {
    const { credential } = await issue();
    const { keys, state } = bench({ staleMsMax: 60_000 });
    await keys.authenticate(credential);
    state.line = "cut";
    state.now += 30_000;
    expect(isPrincipal(await keys.authenticate(credential))).toBe(true);
    expect(isPrincipal(keys.authenticate(credential))).toBe(true);
    expect(await codeOf(keys.authenticate(newCredential()))).toBe("store_unavailable");
    state.now += 40_000;
    expect(await codeOf(keys.authenticate(credential))).toBe("store_unavailable");
    state.line = "up";
    expect(isPrincipal(await keys.authenticate(credential))).toBe(true);
  });

  test("a store that does not answer costs a known key 50 ms at most, and then nothing", async () => {
    const { credential } = await issue();
    const { keys, state } = bench();
    await keys.authenticate(credential);
    state.line = "stalled";
    state.now += 10_000;
    const began = performance.now();
    expect(isPrincipal(await keys.authenticate(credential))).toBe(true);
    expect(performance.now() - began).toBeLessThan(100);
    expect(isPrincipal(keys.authenticate(credential))).toBe(true);
  });

  test("guesses push out no key that works, and memory is bounded", async () => {
    const { credential } = await issue();
    const { keys, state } = bench({ refusedMax: 10 });
    await keys.authenticate(credential);
    for (let n = 0; n < 50; n++) await keys.authenticate(newCredential());
    const { lookups } = state;
    expect(isPrincipal(keys.authenticate(credential))).toBe(true);
    expect(state.lookups).toBe(lookups);
  });

  test("the time of last use is written once a minute, in batches", async () => {
    const { credential, key } = await issue();
    const { keys, state } = bench();
    const lastUsedAt = async () => (await store.apiKeys.find(organizationId, key.id))?.lastUsedAt ?? 0;
    const first = state.now;
    await keys.authenticate(credential);
    state.now += 1_000;
    await keys.authenticate(credential);
    await keys.flush();
    expect(await lastUsedAt()).toBe(first);
    state.now += 61_000;
    await keys.authenticate(credential);
    await keys.flush();
    expect(await lastUsedAt()).toBe(first + 62_000);
  });

  test("a key bound to a namespace serves that one", async () => {
    const bound = Bun.randomUUIDv7();
    await store.namespaces.create({ id: bound, organizationId, slug: "team", name: "Team" });
    const { credential } = await issue({ namespaceId: bound });
    const principal = await bench().keys.authenticate(credential);
    expect(principal).toMatchObject({ namespaceId: bound, namespaceBound: true });
  });
});
