import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { newPerson, PASSWORD, type Person } from "./administration.ts";
import { type ScopedWorld, startScopedWorld, USERS } from "./scoped-world.ts";

const TIMEOUT_MS = 60_000;
const ROLES = ["admin", "user", "viewer", "api_user"] as const;
const NO_KEY = { id: "", key: "" };
let world: ScopedWorld;

beforeAll(async () => {
  world = await startScopedWorld();
}, TIMEOUT_MS);
afterAll(() => world?.stop(), TIMEOUT_MS);

const call = (method: string, path: string, key?: string, body?: unknown) =>
  world.call(method, path, key, body);
const user = async (id: string) => (await call("GET", `${USERS}/${id}`, world.operator)).json;
const mayMakeKeys = (role: string) => role !== "api_user";

describe.each(ROLES)("the account of somebody whose role is %s", (role) => {
  let person: Person;
  /** By kind: keys of the person, and what they are exchanged for. */
  const keys: Record<string, { readonly id: string; readonly key: string }> = {};
  const made = async (over: object) => {
    const body = { name: "k", user_id: person.id, role, ...over };
    const { status, text, json } = await call("POST", "/auth/api-keys", world.operator, body);
    expect([status, status === 201 ? "" : text]).toEqual([201, ""]);
    return json;
  };
  beforeAll(async () => {
    person = await newPerson(world.gateway.origin, world.operator, {
      ...{ username: `of ${role}`, role, permissions: ["*:*"] },
    });
    keys.own = await made({});
    keys.bound = await made({ namespace: "default" });
    // A role that its owner's has nothing in common with makes no key that works.
    if (role !== "api_user") keys.viewing = await made({ role: "viewer" });
    if (role !== "viewer") keys.calling = await made({ role: "api_user" });
    keys.brief = await made({ expires_at: new Date(Date.now() + 3_600_000).toISOString() });
  }, TIMEOUT_MS);

  test("is changed by a token of its own sign-in", async () => {
    const email = `new-${role}@example.org`;
    const { json } = await call("PUT", "/auth/profile", person.access, { email });
    expect(json.user.email).toBe(email);
    expect(json.acts).toEqual(
      expect.arrayContaining(["auth.logout", "auth.password", "auth.profile_update"]),
    );
    const next = { current_password: PASSWORD, new_password: "an even better staple" };
    expect((await call("POST", "/auth/password", person.access, next)).status).toBe(204);
    const back = { current_password: next.new_password, new_password: PASSWORD };
    expect((await call("POST", "/auth/password", person.access, back)).status).toBe(204);
  });

  test("is not by any key of its owner's, whatever the key's role", async () => {
    const before = await user(person.id);
    for (const [kind, { key }] of Object.entries(keys)) {
      const change = { current_password: PASSWORD, new_password: "taken over by a key" };
      for (const [method, path, body] of [
        ["PUT", "/auth/profile", { username: "taken", email: "taken@example.org" }],
        ["PUT", "/auth/profile", {}],
        // Told before anything is read: what is wrong with it matters to nobody.
        ["PUT", "/auth/profile", { flawed: 1 }],
        ["POST", "/auth/password", {}],
        ["POST", "/auth/password", change],
      ] as const) {
        const { status, json } = await call(method, path, key, body);
        expect([kind, path, status, json.code]).toEqual([kind, path, 403, "sign_in_required"]);
      }
      // It has no sign-in that could end; those of its owner go on.
      const { status, json } = await call("POST", "/auth/logout", key);
      expect([kind, status, json.code]).toEqual([kind, 403, "sign_in_required"]);
      const profile = (await call("GET", "/auth/profile", key)).json;
      const inPerson = ["auth.logout", "auth.password", "auth.profile_update"];
      expect([kind, profile.acts.filter((act: string) => inPerson.includes(act))]).toEqual([kind, []]);
      expect([kind, profile.kind, profile.user.username]).toEqual([kind, "api_key", `of ${role}`]);
    }
    expect(await user(person.id)).toEqual(before);
    expect((await call("GET", "/auth/profile", person.access)).status).toBe(200);
    const signIn = { username: `of ${role}`, password: PASSWORD };
    expect((await call("POST", "/auth/login", undefined, signIn)).status).toBe(200);
  });

  test("has its keys listed and ended in person; a key has itself and what it made", async () => {
    const listed = async (credential: string) => {
      const { status, json } = await call("GET", "/auth/api-keys", credential);
      return status === 200 ? json.items.map(({ id }: { id: string }) => id).sort() : status;
    };
    const all = Object.values(keys).map(({ id }) => id);
    expect(await listed(person.access)).toEqual(mayMakeKeys(role) ? all.sort() : 403);
    for (const [kind, { id, key }] of Object.entries(keys)) {
      const own = kind === "calling" || !mayMakeKeys(role) ? undefined : [id];
      expect([kind, await listed(key)]).toEqual([kind, own ?? 403]);
      for (const other of all.filter((one) => one !== id))
        for (const method of ["GET", "DELETE"]) {
          const { status } = await call(method, `/auth/api-keys/${other}`, key);
          expect([kind, method, status]).toEqual([kind, method, own === undefined ? 403 : 404]);
        }
      if (own === undefined) continue;
      const expires_at = new Date(Date.now() + 60_000).toISOString();
      const child = (await call("POST", "/auth/api-keys", key, { name: "child", role: "viewer", expires_at }))
        .json;
      expect(await listed(key)).toEqual([id, child.id].sort());
      expect((await call("DELETE", `/auth/api-keys/${child.id}`, key)).status).toBe(204);
      expect((await call("GET", `/auth/api-keys/${id}`, key)).json.id).toBe(id);
      // What its key made is the person's too.
      expect((await call("GET", `/auth/api-keys/${child.id}`, person.access)).status).toBe(200);
    }
    if (!mayMakeKeys(role)) return;
    const { own = NO_KEY, brief = NO_KEY } = keys;
    expect((await call("DELETE", `/auth/api-keys/${brief.id}`, person.access)).status).toBe(204);
    expect((await call("DELETE", `/auth/api-keys/${own.id}`, own.key)).status).toBe(204);
    expect(await listed(own.key)).toBe(401);
  });
});

test("a key whose rights cover people changes them where administrators do", async () => {
  const body = { name: "k", role: "admin", permissions: ["*:*"] };
  const ada = await newPerson(world.gateway.origin, world.operator, { username: "ada", role: "admin" });
  const { key } = (await call("POST", "/auth/api-keys", ada.access, { name: "hers", role: "admin" })).json;
  expect((await call("PUT", "/auth/profile", key, { email: "ada@example.org" })).status).toBe(403);
  expect((await call("PUT", `${USERS}/${ada.id}`, key, { email: "ada@example.org" })).status).toBe(200);
  const others = (await call("POST", "/auth/api-keys", world.operator, body)).json;
  expect((await call("DELETE", `/auth/api-keys/${others.id}`, key)).status).toBe(404);
  expect((await call("DELETE", `/api/admin/api-keys/${others.id}`, key)).status).toBe(204);
});

test("a token of an identity provider is its person's; one of an application nobody's", async () => {
  const token = await world.token({ org: "default", scope: "profile" });
  const email = "external@example.org";
  expect((await call("PUT", "/auth/profile", token, { email })).json.user.email).toBe(email);
  // A password is changed within a sign-in that began with it.
  const change = { current_password: PASSWORD, new_password: "another staple clip" };
  expect((await call("POST", "/auth/password", token, change)).status).toBe(403);
  const app = { name: "app", type: "a2a", role: "admin", permissions: ["*:*"] };
  const { key: client_secret } = (await call("POST", "/auth/api-keys", world.operator, app)).json;
  const grant = { grant_type: "client_credentials", client_secret };
  const { access_token } = (await call("POST", "/auth/a2a/token", undefined, grant)).json;
  for (const credential of [client_secret, access_token]) {
    expect((await call("PUT", "/auth/profile", credential, { email: "app@example.org" })).status).toBe(403);
    expect((await call("POST", "/auth/password", credential, change)).status).toBe(403);
    expect((await call("GET", "/auth/api-keys", credential)).json.items).toEqual([]);
  }
});

test("whoever has a password that an administrator gave changes it first", async () => {
  const given = "first password 1";
  const made = await call("POST", USERS, world.operator, { username: "new", password: given });
  const { access_token } = (
    await call("POST", "/auth/login", undefined, { username: "new", password: given })
  ).json;
  const refused = await call("PUT", "/auth/profile", access_token, { email: "other@example.org" });
  expect([refused.status, refused.json.code]).toEqual([403, "password_change_required"]);
  expect((await user(made.json.id)).email).toBeNull();
  expect((await call("GET", "/auth/profile", access_token)).json.acts).toEqual(
    expect.not.arrayContaining(["auth.profile_update"]),
  );
  const change = { current_password: given, new_password: PASSWORD };
  expect((await call("POST", "/auth/password", access_token, change)).status).toBe(204);
  expect((await call("PUT", "/auth/profile", access_token, { email: "new@example.org" })).status).toBe(200);
});
