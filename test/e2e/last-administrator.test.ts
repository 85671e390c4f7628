import { afterAll, beforeAll, expect, test } from "bun:test";
import { newPerson, type Person, request } from "./administration.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";

const USERS = "/api/admin/users";
let gateway: Gateway;
/** A platform administrator's key, which is nobody's. */
let operator: string;

const call = (method: string, path: string, key?: string, body?: unknown) =>
  request(gateway.origin, method, path, key, body);

const person = (organization: string, username: string, over: object) =>
  newPerson(gateway.origin, operator, { organization, username, ...over });
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
  const { key } = (await call("POST", "/auth/api-keys", ada.access, { name: "hers" })).json;
  for (const by of [ada.access, key]) {
    for (const body of [{ role: "user" }, { active: false }, { role: "viewer", active: false }]) {
      const { status, json } = await change(ada, by, body);
      expect([status, json.code]).toEqual([409, "conflict"]);
      expect(json.detail).toContain("make another active user its administrator first");
    }
    expect((await call("DELETE", `${USERS}/${ada.id}`, by)).status).toBe(409);
  }
  expect((await change(ada, ada.access, { email: "ada@example.org" })).status).toBe(200);
  const eve = await person(acme, "eve", { role: "admin" });
  expect((await change(ada, ada.access, { role: "user" })).status).toBe(200);
  expect((await change(eve, eve.access, { active: false })).status).toBe(409);
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
        ? call("DELETE", `${USERS}/${whom.id}`, by.access)
        : change(whom, by.access, act === "demote" ? { role: "user" } : { active: false });
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
    const { status, json } = await change(ruler, ruler.access, body);
    expect([status, json.code]).toEqual([409, "conflict"]);
    expect(json.detail).toMatch(/administers the (installation|organisation)/);
  }
  const second = await person("default", "second", { role: "user", platform_admin: true });
  expect((await change(ruler, ruler.access, { platform_admin: false })).status).toBe(200);
  expect(
    (await change(second, second.access, { platform_admin: false, role: "admin" })).json.detail,
  ).toContain("another active user a platform administrator first");
});
