import { afterAll, beforeAll, expect, test } from "bun:test";
import { request } from "./administration.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";

const USERS = "/api/admin/users";
const [FIRST, SECOND] = ["first password 1", "correct horse battery"];
let gateway: Gateway;
/** A platform administrator's key, which is nobody's. */
let operator: string;

const call = (method: string, path: string, key?: string, body?: unknown) =>
  request(gateway.origin, method, path, key, body);

interface Person {
  readonly id: string;
  readonly token: string;
}
async function person(organization: string, username: string, over: object): Promise<Person> {
  const body = { username, password: FIRST, ...over };
  const made = await call("POST", `${USERS}?organization=${organization}`, operator, body);
  expect([made.status, made.status === 201 ? "" : made.text]).toEqual([201, ""]);
  const login = async (password: string): Promise<string> =>
    (await call("POST", "/auth/login", undefined, { organization, username, password })).json.access_token;
  const change = { current_password: FIRST, new_password: SECOND };
  expect((await call("POST", "/auth/password", await login(FIRST), change)).status).toBe(204);
  return { id: made.json.id, token: await login(SECOND) };
}
const organization = async (slug: string) => {
  await call("POST", "/api/admin/organizations", operator, { slug, name: slug });
  return slug;
};
const change = ({ id }: Pick<Person, "id">, by: string, body: object) =>
  call("PUT", `${USERS}/${id}`, by, body);

beforeAll(async () => {
  gateway = await startGateway({ servers: [], anonymous: false });
  operator = await bootstrapKey(gateway);
}, 30_000);
afterAll(() => gateway?.stop());

test("the last administrator stays one until there is another, by token and by key", async () => {
  const acme = await organization("acme");
  const ada = await person(acme, "ada", { role: "admin" });
  await person(acme, "bob", { role: "user" });
  const { key } = (await call("POST", "/auth/api-keys", ada.token, { name: "hers" })).json;
  for (const by of [ada.token, key]) {
    for (const body of [{ role: "user" }, { active: false }, { role: "viewer", active: false }]) {
      const { status, json } = await change(ada, by, body);
      expect([status, json.code]).toEqual([409, "conflict"]);
      expect(json.detail).toContain("make another active user its administrator first");
    }
    expect((await call("DELETE", `${USERS}/${ada.id}`, by)).status).toBe(409);
  }
  expect((await change(ada, ada.token, { email: "ada@example.org" })).status).toBe(200);
  const eve = await person(acme, "eve", { role: "admin" });
  expect((await change(ada, ada.token, { role: "user" })).status).toBe(200);
  expect((await change(eve, eve.token, { active: false })).status).toBe(409);
});

test("who acts from above, or by a key of nobody's, is not held: they can undo it", async () => {
  const away = await organization("away");
  const ada = await person(away, "ada", { role: "admin" });
  const key = await gateway.mintKey("--name", "k", "--role", "admin", "--organization", away);
  expect((await change(ada, key, { role: "user" })).status).toBe(200);
  expect((await change(ada, key, { role: "admin" })).status).toBe(200);
  expect((await call("DELETE", `${USERS}/${ada.id}?organization=${away}`, operator)).status).toBe(204);
});

test("two who demote, deactivate or delete each other at once leave one", async () => {
  for (const [n, act] of ["demote", "deactivate", "delete"].entries()) {
    const slug = await organization(`raced-${n}`);
    const [ada, bob] = [
      await person(slug, "ada", { role: "admin" }),
      await person(slug, "bob", { role: "admin" }),
    ];
    const take = (whom: Person, by: Person) =>
      act === "delete"
        ? call("DELETE", `${USERS}/${whom.id}`, by.token)
        : change(whom, by.token, act === "demote" ? { role: "user" } : { active: false });
    await Promise.all([take(ada, bob), take(bob, ada)]);
    const { items } = (await call("GET", `${USERS}?organization=${slug}`, operator)).json;
    const left = items.filter(
      ({ role, active }: { role: string; active: boolean }) => role === "admin" && active,
    );
    expect([act, left.length]).toEqual([act, 1]);
  }
});

test("the last platform administrator likewise, wherever it acts", async () => {
  const ruler = await person("default", "ruler", { role: "user", platform_admin: true });
  for (const body of [{ platform_admin: false }, { active: false }]) {
    const { status, json } = await change(ruler, ruler.token, body);
    expect([status, json.code]).toEqual([409, "conflict"]);
    expect(json.detail).toMatch(/administers the (installation|organisation)/);
  }
  const second = await person("default", "second", { role: "user", platform_admin: true });
  expect((await change(ruler, ruler.token, { platform_admin: false })).status).toBe(200);
  expect(
    (await change(second, second.token, { platform_admin: false, role: "admin" })).json.detail,
  ).toContain("another active user a platform administrator first");
});
