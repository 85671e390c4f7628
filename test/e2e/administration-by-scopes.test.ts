import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { adminRoutes } from "../../src/admin/routes.ts";
import { namesAct } from "../../src/policy/authorize/act-areas.ts";
import { eventually } from "./child.ts";
import {
  actPatterns,
  ends,
  MAPPING,
  type ScopedWorld,
  scopeOf,
  startScopedWorld,
  USERS,
} from "./scoped-world.ts";

// Scopes that permit acts of administration: by the file in the organisation `default`, over the API in `there`.

const TIMEOUT_MS = 60_000;
let world: ScopedWorld;
let operator: string;
let theirs: string;
const call = (...asked: Parameters<ScopedWorld["call"]>) => world.call(...asked);
const holding = (...asked: Parameters<ScopedWorld["holding"]>) => world.holding(...asked);

async function rewrite(permissions: object): Promise<void> {
  const path = join(world.gateway.folder, "gateway.yaml");
  const document = parse(await readFile(path, "utf8"));
  await writeFile(`${path}.new`, stringify({ ...document, auth: { ...document.auth, permissions } }));
  await rename(`${path}.new`, path);
}

beforeAll(async () => {
  world = await startScopedWorld();
  ({ operator, theirs } = world);
}, TIMEOUT_MS);
afterAll(() => world?.stop(), TIMEOUT_MS);

describe("the mapping that people know from the file", () => {
  test.each(["user", "viewer"])(
    "whose claims map to scope:admin manages users, as a %s; the record says by which pattern",
    async (role) => {
      expect(world.gateway.logs()).not.toContain("permits nothing");
      const ada = await world.token({ groups: ["Admin"] }, role);
      const made = await call("POST", USERS, ada, { username: `by-${role}`, role });
      expect([made.status, made.json.role]).toEqual([201, role]);
      const path = `${USERS}/${made.json.id}`;
      expect((await call("GET", path, ada)).json.username).toBe(`by-${role}`);
      expect((await call("PUT", path, ada, { email: `${role}@example.org` })).status).toBe(200);
      const event = await eventually("it is in the record", async () => {
        const query = `/admin/logs?kind=event&action=user.create&target=user:${made.json.id}`;
        return (await call("GET", query, operator)).json.items[0];
      });
      expect(event.detail).toMatchObject({ outcome: "ok", permitted_by: "admin:user_management" });
      expect((await call("DELETE", path, ada)).status).toBe(204);

      const { json: profile } = await call("GET", "/auth/profile", ada);
      expect([profile.role, profile.permissions]).toEqual([role, ["own:*"]]);
      expect(profile.acts).toEqual(
        expect.arrayContaining(["user.create", "user.delete", "auth.profile_update"]),
      );
      for (const act of ["server.create", "log.list", "organization.list", "api_key.jwks"])
        expect([act, profile.acts.includes(act)]).toEqual([act, false]);
    },
  );

  test("who lacks the scope is told which; what no pattern names, and what is platform-wide, no scope opens", async () => {
    const grace = await world.token({ groups: ["User"] });
    const refused = await call("POST", USERS, grace, { username: "nobody" });
    expect([refused.status, refused.json.code, refused.json.data]).toEqual([
      ...[403, "insufficient_scope", { scopes: ["scope:admin"] }],
    ]);
    const challenge = refused.headers.get("www-authenticate");
    expect(challenge).toContain('error="insufficient_scope", scope="scope:admin"');
    expect(challenge).toContain(`/.well-known/oauth-protected-resource"`);
    const ada = await world.token({ groups: ["Admin"] });
    expect(
      await ends(
        call("GET", "/admin/logs", ada),
        call("POST", "/gateway/servers", ada, {}),
        call("GET", "/api/admin/organizations", ada),
        call("GET", USERS, (await call("POST", "/auth/api-keys", ada, { name: "k" })).json.key),
      ),
    ).toEqual(["forbidden", "forbidden", "forbidden", "forbidden"]);
    // Not a server's name, in a call either.
    const metadata = await call("GET", "/.well-known/oauth-protected-resource");
    expect(metadata.json.scopes_supported).toEqual(["scope:admin", "scope:user"]);
  });

  test("follows the file within a second", async () => {
    const ada = await world.token({ groups: ["Admin"] });
    const within = (what: string, wanted: string | number) =>
      eventually(
        what,
        async () => ((await ends(call("GET", "/admin/logs", ada)))[0] === wanted ? true : undefined),
        { timeoutMs: 1_000 },
      );
    await rewrite({ "admin:log_viewing": ["scope:admin"], "admin:user_management": ["scope:admin"] });
    await within("permitted", 200);
    await rewrite({ "admin:log_viewing": ["scope:more"], "admin:user_management": ["scope:admin"] });
    await within("taken again", "insufficient_scope");
  });
});

test(
  "the role table and what each pattern adds to it, cell by cell, in either role",
  async () => {
    for (const role of ["user", "viewer"] as const) {
      for (const pattern of ["none", "*:*", ...actPatterns]) {
        const key = await holding(pattern === "*:*" ? "everywhere" : scopeOf(pattern), role);
        await Promise.all(
          adminRoutes.map(async ({ method, path, access, roles, inPerson, action }) => {
            if (access === "open") return;
            const place = path.replaceAll(/\{\w+\}/g, Bun.randomUUIDv7());
            const body = method === "POST" || method === "PUT" ? {} : undefined;
            // Fails the request's check, which comes after the caller's.
            const { status, json } = await call(method, `${place}?flawed=1&flawed=2`, key, body);
            const isPermitted =
              access === "caller" &&
              (roles.includes(role) || (roles.includes("admin") && namesAct(pattern, action)));
            const cell = [role, pattern, method, path];
            const isNamed = actPatterns.some((one) => namesAct(one, action)) && roles.includes("admin");
            const permitted = inPerson === "here" ? "sign_in_required" : "invalid_request";
            const code = isPermitted ? permitted : isNamed ? "insufficient_scope" : "forbidden";
            expect([...cell, status, json.code]).toEqual([
              ...[...cell, code === "invalid_request" ? 400 : 403, code],
            ]);
          }),
        );
      }
    }
  },
  TIMEOUT_MS,
);

test("policies narrow it by group and by scope, and say who may", async () => {
  const key = await holding(scopeOf("admin:user_management"));
  const policy = {
    ...{ name: "no-deletes", effect: "deny", actions: ["user.delete"] },
    condition: 'principal.role != "admin"',
  };
  const made = await call("POST", "/policies", theirs, policy);
  expect(made.status).toBe(201);
  const { id } = (await call("POST", USERS, key, { username: "kept" })).json;
  const refused = await call("DELETE", `${USERS}/${id}`, key);
  expect([refused.json.code, refused.json.data]).toEqual(["denied_by_policy", { policy: "no-deletes" }]);

  const scopes = [scopeOf("admin:user_management")];
  const ask = (action: string, principal: object) =>
    call("POST", "/policies/explain", theirs, { principal, act: { action } });
  const stepsOf = async (action: string, principal: object) => {
    const { verdict, granted, steps } = (await ask(action, principal)).json;
    const by = Object.fromEntries(
      steps.map(({ step, outcome, detail }: Record<string, string>) => [step, [outcome, detail]]),
    );
    return [verdict, granted, by.role[0], ...by.scopes];
  };
  expect(await stepsOf("user.create", { scopes })).toEqual([
    ...["allow", true, "not_asked", "passes", "granted by admin:user_management"],
  ]);
  expect(await stepsOf("user.delete", { scopes })).toEqual([
    ...["deny", true, "not_asked", "passes", "granted by admin:user_management"],
  ]);
  expect(await stepsOf("session.end", { scopes })).toEqual([
    ...["deny", false, "not_asked", "refuses", "it takes admin:session_management admin:all"],
  ]);
  expect(await stepsOf("organization.create", { scopes: ["admin:all"] })).toEqual([
    ...["deny", false, "not_asked", "refuses", "no pattern names organization.create"],
  ]);
  expect(await stepsOf("user.create", { role: "user" })).toEqual([
    ...["deny", false, "refuses", "not_asked", "scopes do not govern this caller"],
  ]);
  const who = await call("POST", "/policies/who", theirs, { act: { action: "user.delete" } });
  expect(who.json.scopes.sort()).toEqual(
    ["admin:user_management", "admin:user.all", "admin:all.delete", "admin:all"].sort(),
  );
  const cases = [
    { principal: { scopes }, act: { action: "user.update" }, expect: "allow" },
    { principal: { scopes }, act: { action: "user.delete" }, expect: "deny" },
    { principal: { scopes }, act: { action: "log.read" }, expect: "deny" },
  ];
  expect((await call("POST", "/policies/test", theirs, { cases })).json).toMatchObject({
    passed: 3,
    failed: 0,
  });
  await call("DELETE", `/policies/${made.json.id}`, theirs);
});

test("no server may have the name that such patterns begin with", async () => {
  const body = { name: "admin", type: "streamable-http", url: "http://127.0.0.1:9/mcp" };
  expect(await ends(call("POST", "/gateway/servers", theirs, body))).toEqual(["invalid_request"]);
  const made = await call("POST", "/gateway/servers", theirs, { ...body, name: "adm" });
  expect(made.status).toBe(201);
  const path = `/gateway/servers/${made.json.id}`;
  expect(await ends(call("PUT", path, theirs, { name: "admin" }))).toEqual(["invalid_request"]);
  for (const [bad, fix] of [
    ["admin:users", 'write "admin:user_management"'],
    ["default/admin:*", 'write "admin:*"'],
    ["admin:organization.create", "an organisation's act"],
  ] as const) {
    const refused = await call("PUT", MAPPING, theirs, { permissions: { [bad]: ["s"] } });
    expect([refused.status, refused.json.detail]).toEqual([400, expect.stringContaining(fix)]);
  }
});
