import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { showsVersion } from "../../../src/admin/refusals.ts";
import { adminRoutes } from "../../../src/admin/routes.ts";
import type { ErrorCode } from "../../../src/errors/catalogue.ts";
import { flawsOf, type Route, type Schema } from "./document.ts";
import type { Recipe } from "./recipe.ts";
import { recipes } from "./recipes/recipes.ts";
import { SECRET } from "./recipes/servers.ts";
import {
  BODY_BYTES_MAX,
  LIMITED_ADDRESS,
  OPERATOR_TOKEN,
  ROLES,
  type Sent,
  startWorld,
  type World,
} from "./world.ts";

const TIMEOUT_MS = 60_000;
let world: World;
let expired: string;
/** Its one call is used up. */
let spent: string;
/** Of `here`: an administrator and a platform administrator, whom a policy for each act denies that act. */
let barred: { readonly admin: string; readonly operator: string };

beforeAll(async () => {
  world = await startWorld();
  const { full } = world;
  const expires = new Date(Date.now() + 1_000).toISOString();
  expired = (await world.done("own-keys-create", full, { body: { name: "brief", expires_at: expires } })).key;
  const { id, key } = await world.done("own-keys-create", full, { body: { name: "spent", role: "user" } });
  const rule = { name: "one-act", per: ["key"], match: { key: [id] }, limit: 1, window_seconds: 3_600 };
  await world.done("rate-limits-create", full, { body: rule });
  spent = key;
  await world.done("profile-get", full, { key });
  await fetch(`${world.gateway.origin}/live`, { headers: { "x-forwarded-for": LIMITED_ADDRESS } });
  await fetch(`${world.gateway.origin}/`, { headers: { "x-forwarded-for": LIMITED_ADDRESS } });
  const mint = (name: string, ...flags: string[]) =>
    world.gateway.mintKey("--organization", "here", "--name", name, "--role", "admin", ...flags);
  barred = { admin: await mint("barred"), operator: await mint("barred", "--platform-admin") };
  const { items } = await world.done("keys-list", world.here, { query: { limit: "1000" } });
  const named = items.filter((one: { name: string }) => one.name === "barred");
  const subjects = named.map((one: { id: string }) => `key:${one.id}`);
  expect(subjects).toHaveLength(2);
  const acts = adminRoutes.filter(({ access }) => access !== "open").map(({ action }) => action);
  for (const action of new Set(acts)) {
    const body = { name: `no ${action}`, effect: "deny", actions: [action], subjects };
    await world.done("policies-create", world.here, { body });
  }
  await Bun.sleep(Math.max(0, Date.parse(expires) - Date.now()));
}, TIMEOUT_MS);
afterAll(() => world?.stop(), TIMEOUT_MS);

const addRecipe = (id: string) =>
  `${id} has no recipe. Add one in test/e2e/routes/recipes: \`succeed\` gives a request that the operation takes, \`refuse\` one for each error its route names in \`refuses\`.`;
function recipeOf({ id }: Route): Recipe {
  const recipe = recipes[id];
  if (recipe === undefined) throw new Error(addRecipe(id));
  return recipe;
}
/** What an operation takes, made once for all its refusals. */
const base = (route: Route): Promise<Sent> =>
  world.once(`base of ${route.id}`, async () => recipeOf(route).succeed(world, world.here));
const send = (route: Route, sent: Sent) => world.send(route, world.here, sent);
async function refused(route: Route, sent: Sent, status: number, code: ErrorCode) {
  const got = await send(route, sent);
  const seen = got.code === undefined ? got.text : got.code;
  expect([route.id, got.status, seen]).toEqual([route.id, status, code]);
  return got;
}
/** Fails the request's check, whoever sends it, so that nothing comes of it. */
const FLAWED = "flawed=1&flawed=2";

describe.each(adminRoutes.map((route) => [route.id, route] as const))("%s", (_id, route) => {
  const isOpen = route.access === "open";
  /** What a key hears whose role suffices, of a request with a flaw. */
  const further: [number, ErrorCode] =
    route.inPerson === undefined ? [400, "invalid_request"] : [403, "sign_in_required"];

  test("400: the query: unknown, given twice, of the wrong kind; a cursor nobody gave", async () => {
    const sent = await base(route);
    await refused(route, { ...sent, query: FLAWED }, 400, "invalid_request");
    if (route.id !== "oidc-callback") {
      const got = await refused(route, { ...sent, query: { colour: "red" } }, 400, "invalid_request");
      expect(got.text).toContain("colour");
    }
    for (const { name, in: place, schema } of world.document.operation(route).parameters) {
      if (place !== "query") continue;
      for (const value of flawsOf(name, schema)) {
        const got = await refused(route, { ...sent, query: { [name]: value } }, 400, "invalid_request");
        expect([name, value, got.text]).toEqual([name, value, expect.stringContaining(name)]);
      }
    }
  });

  if (route.body !== undefined) {
    test("400: the body: no JSON, no object, unknown members, values of the wrong kind", async () => {
      const sent = await base(route);
      const unreadable = route.oauthErrors ? "invalid_request" : "parse_error";
      await refused(route, { ...sent, body: '{"a":' }, 400, unreadable);
      for (const body of ["", "[]", '"text"', "null"]) {
        expect([body, (await send(route, { ...sent, body })).status]).toEqual([body, 400]);
      }
      const given = sent.body as Readonly<Record<string, unknown>>;
      const schema = bodySchema(route);
      if (schema.additionalProperties === false) {
        const got = await refused(route, { ...sent, body: { ...given, colour: 1 } }, 400, "invalid_request");
        expect(got.text).toContain("colour");
      }
      for (const name of Object.keys(schema.properties ?? {})) {
        const body = { ...given, [name]: [[{}]] };
        if (world.document.bodyFaults(route, body).length === 0) continue;
        const got = await refused(route, { ...sent, body }, 400, "invalid_request");
        expect([name, got.text]).toEqual([name, expect.stringContaining(name)]);
      }
    });

    test("413 and 415: too large, declared or not; not JSON", async () => {
      const sent = await base(route);
      const large = `{"a":"${"x".repeat(BODY_BYTES_MAX)}"}`;
      await refused(route, { ...sent, body: large }, 413, "body_too_large");
      await refused(route, { ...sent, body: new Blob([large]).stream() }, 413, "body_too_large");
      const text = { ...sent.headers, "content-type": "text/plain" };
      await refused(route, { ...sent, headers: text }, 415, "unsupported_media_type");
    });
  }

  test("403: a page of another origin may not", async () => {
    const headers = { origin: "https://evil.example" };
    await refused(route, { ...(await base(route)), headers }, 403, "origin_refused");
  });

  if (!isOpen) {
    test("401: without a credential, with a wrong one, with one that has expired", async () => {
      for (const key of [null, "mgw_wrong", expired, "a.b.c"]) {
        const got = await refused(route, { ...(await base(route)), key }, 401, "unauthenticated");
        expect(got.headers.get("www-authenticate")).toStartWith("Bearer resource_metadata=");
      }
    });

    test("403: each role the table forbids, of either tenant; each other role comes further", async () => {
      const sent = { ...(await base(route)), query: FLAWED };
      for (const tenant of [world.here, world.there]) {
        for (const role of ROLES) {
          const permitted = route.access === "caller" && route.roles.includes(role);
          const { status, code } = await world.send(route, tenant, { ...sent, key: tenant.keys[role] });
          const expected = permitted ? further : [403, code];
          expect([route.id, tenant.slug, role, status, code]).toEqual([
            ...[route.id, tenant.slug, role, ...expected],
          ]);
        }
      }
      await refused(route, { ...sent, key: OPERATOR_TOKEN }, 403, "forbidden");
      await refused(route, { ...sent, key: world.operator }, ...further);
    });
  }

  if (route.scope === "organization") {
    test("404: another organisation is answered as one that does not exist; one's own may be named", async () => {
      const sent = await base(route);
      const answers = [];
      for (const role of ROLES) {
        for (const organization of ["there", "default", "nowhere"]) {
          const query = { ...(sent.query as object), organization };
          answers.push(
            await refused(route, { ...sent, key: world.here.keys[role], query }, 404, "not_found"),
          );
        }
      }
      expect(new Set(answers.map(({ text, json }) => text.replace(json.correlation_id, ""))).size).toBe(1);
      const own = { ...world.here, named: "here" };
      const got = await world.send(route, own, await recipeOf(route).succeed(world, own));
      expect([route.id, got.status, got.status === route.status ? "" : got.text]).toEqual([
        ...[route.id, route.status],
        "",
      ]);
    });
  }

  if (!isOpen) {
    test("403: a policy denies whom it names the act, says so, and changes nothing for anybody else", async () => {
      const sent = { ...(await base(route)), query: FLAWED };
      const isOperator = route.access === "operator";
      const key = isOperator ? barred.operator : barred.admin;
      const got = await refused(route, { ...sent, key }, 403, "denied_by_policy");
      expect(got.json.data).toEqual({ policy: `no ${route.action}` });
      if (!isOperator) await refused(route, { ...sent, key: world.here.keys.admin }, ...further);
      if (route.tag !== "policy") return;
      // Somebody must be able to undo a policy.
      await refused(route, { ...sent, key: barred.operator }, 400, "invalid_request");
    });
  }

  if (route.path.includes("{id}")) {
    test("404: an object of another tenant is answered as one that is not there, to the byte", async () => {
      const sent = await base(route);
      const missing = await refused(
        route,
        { ...sent, params: { id: crypto.randomUUID() } },
        404,
        "not_found",
      );
      const malformed = await refused(route, { ...sent, params: { id: "nothing" } }, 404, "not_found");
      const answers = [missing, malformed];
      if (route.access === "caller") {
        const theirs = await recipeOf(route).succeed(world, world.there);
        answers.push(await refused(route, { ...sent, params: theirs.params ?? {} }, 404, "not_found"));
      }
      const bare = answers.map(({ text, json }) => text.replaceAll(json.correlation_id, ""));
      expect(new Set(bare).size).toBe(1);
    });
  }

  test("429: says when to come back, at the door and for the caller", async () => {
    const sent = await base(route);
    const headers = { ...sent.headers, "x-forwarded-for": LIMITED_ADDRESS };
    const answers = [await refused(route, { ...sent, headers }, 429, "rate_limited")];
    if (!isOpen) answers.push(await refused(route, { ...sent, key: spent }, 429, "rate_limited"));
    for (const { headers: got } of answers) {
      expect(got.get("ratelimit")).toMatch(/^"[\w-]+";r=0;t=\d+$/);
      expect(got.get("ratelimit-policy")).toMatch(/^"[\w-]+";q=1;w=3600$/);
      expect(Number(got.get("retry-after"))).toBeGreaterThan(3_000);
    }
  });

  if (!route.reads) {
    test("412: changed by somebody else, or nothing that has a version", async () => {
      const headers = { ...(await base(route)).headers, "if-match": '"other"' };
      const sent = route.versioned ? await recipeOf(route).succeed(world, world.here) : await base(route);
      await refused(route, { ...sent, headers }, 412, "precondition_failed");
      if (!route.versioned) return;
      const reader = adminRoutes.find(({ path, method }) => path === route.path && method === "GET") as Route;
      const { body: _body, ...named } = sent;
      const shown = await send(reader, named);
      const etag = shown.headers.get("etag") as string;
      const changed = await send(route, { ...sent, headers: { "if-match": `"other", ${etag}` } });
      expect([route.id, changed.status]).toEqual([route.id, route.status]);
      if (route.method === "DELETE") return;
      expect(versionOf(changed)).not.toBe(versionOf(shown));
      await refused(
        route,
        { ...sent, headers: { "if-match": `W/${changed.headers.get("etag")}` } },
        412,
        "precondition_failed",
      );
      await refused(route, { ...sent, headers: { "if-match": etag } }, 412, "precondition_failed");
      expect((await send(route, { ...sent, headers: { "if-match": "*" } })).status).toBe(200);
    });
  }

  test(`${route.status}: what the document says, no more`, async () => {
    const sent = await base(route);
    const got = await send(route, sent);
    expect([route.id, got.status, got.status === route.status ? "" : got.text]).toEqual([
      ...[route.id, route.status],
      "",
    ]);
    expect(got.text.includes(SECRET)).toBe(false);
    const isPublic = isOpen && route.reads && got.headers.get("cache-control")?.startsWith("public");
    if (isPublic !== true) expect(got.headers.get("cache-control")).toBe("no-store");
    expect(got.headers.get("etag")).toEqual(showsVersion(route) ? expect.stringMatching(/^"[\w-]+"$/) : null);
    if (route.method !== "GET" || route.id === "oidc-callback" || route.id === "oidc-start") return;
    const head = await world.untested(route, world.here, { ...sent, method: "HEAD" });
    expect([head.status, await head.text(), versionOf(head), head.headers.get("content-type")]).toEqual([
      got.status,
      "",
      versionOf(got),
      got.headers.get("content-type"),
    ]);
  });

  if (route.method === "GET" && showsVersion(route)) {
    test("304: nothing of what the caller has", async () => {
      const sent = await base(route);
      let shown = await send(route, sent);
      let again = shown;
      // A server's state, a key's last use: what is shown may change between two readings.
      for (let n = 0; n < 20 && again.status === 200; n++) {
        shown = again;
        const headers = { ...sent.headers, "if-none-match": `"other", W/${shown.headers.get("etag")}` };
        again = await send(route, { ...sent, headers });
      }
      const lines = [shown, again].map(({ headers }) =>
        ["etag", "cache-control", "vary"].map((name) => headers.get(name)),
      );
      expect([again.status, again.text, again.headers.get("content-type")]).toEqual([304, "", null]);
      expect(lines[1]).toEqual(lines[0] as (string | null)[]);
    });
  }

  for (const code of route.refuses) {
    test(`${code}: the route says it may answer so`, async () => {
      const make = recipeOf(route).refuse?.[code];
      if (make === undefined) {
        throw new Error(`${addRecipe(route.id)} Here \`${code}\` is missing.`);
      }
      const got = await send(route, await make(world, world.here));
      expect([route.id, got.code]).toEqual([route.id, code]);
    });
  }

  if (route.status === 201) {
    test("201: Location is where it is; a create sent many times at once happens once", async () => {
      const sent = { ...(await recipeOf(route).succeed(world, world.here)) };
      const headers = { "idempotency-key": world.name("once") };
      const all = await Promise.all(Array.from({ length: 5 }, () => send(route, { ...sent, headers })));
      expect(all.map(({ status }) => status)).toEqual(Array(5).fill(201));
      expect(new Set(all.map(({ text }) => text)).size).toBe(1);
      expect(all.filter((one) => one.headers.get("idempotency-replayed") === "true")).toHaveLength(4);
      const [first] = all as [(typeof all)[0]];
      const location = first.headers.get("location") as string;
      expect(location).toBe(`${route.path}/${first.json.id}`);
      expect(new Set(all.map((one) => one.headers.get("location")))).toEqual(new Set([location]));
      const reader = adminRoutes.find(
        ({ path, method }) => path === `${route.path}/{id}` && method === "GET",
      );
      const key = world.keyFor(route, world.here);
      const shown = await send(reader as Route, { params: { id: first.json.id }, key });
      expect([shown.status, versionOf(shown)]).toEqual([200, versionOf(first)]);

      const other = await recipeOf(route).succeed(world, world.here);
      await refused(route, { ...other, headers }, 422, "idempotency_key_reused");
      const unprintable = { "idempotency-key": "x".repeat(256) };
      await refused(route, { ...other, headers: unprintable }, 400, "invalid_request");
      const mine = await world.send(route, world.there, { ...sent, headers: { ...headers } });
      if (route.access === "caller")
        expect([mine.status, mine.json.id === first.json.id]).toEqual([201, false]);
    });
  }
});

/** What of an ETag `If-Match` compares: the rest is of what else is shown. */
function versionOf({ headers }: { readonly headers: Headers }): string | undefined {
  return headers.get("etag")?.split("-")[0];
}
function bodySchema(route: Route): Schema {
  const content = world.document.operation(route).requestBody?.content["application/json"];
  return world.document.resolved(content?.schema ?? {});
}

test("409: a create whose first request ended without an answer is not run again", async () => {
  await Promise.all(
    adminRoutes
      .filter(({ status }) => status === 201)
      .map(async (route) => {
        const sent = await recipeOf(route).succeed(world, world.here);
        const headers = { "idempotency-key": world.name("lost") };
        expect((await send(route, { ...sent, headers })).status).toBe(201);
        world.loseAnswer(headers["idempotency-key"]);
        await refused(route, { ...sent, headers }, 409, "idempotency_key_unanswered");
      }),
  );
});

test("405: each path names what it takes, and answers nothing else; OPTIONS says the same", async () => {
  for (const path of new Set(adminRoutes.map((route) => route.path))) {
    const all = adminRoutes.filter((route) => route.path === path) as [Route, ...Route[]];
    const taken = all.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method]));
    const allow = [...taken, "OPTIONS"].sort();
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      if (taken.includes(method)) continue;
      const answer = await world.untested(all[0], world.here, { method, key: world.operator });
      const text = await answer.text();
      expect([path, method, answer.status]).toEqual([path, method, method === "OPTIONS" ? 204 : 405]);
      expect([path, answer.headers.get("allow")?.split(", ").sort()]).toEqual([path, allow]);
      if (method !== "OPTIONS") expect(JSON.parse(text).code).toBe("method_not_allowed");
    }
  }
});

test("a page of an allowed origin may ask before, and read what it needs of the answer", async () => {
  const origin = world.gateway.origin;
  const headers = { origin, "access-control-request-method": "PUT" };
  const route = world.route("servers-get");
  const asked = await world.untested(route, world.here, { method: "OPTIONS", key: null, headers });
  expect([asked.status, asked.headers.get("access-control-allow-origin")]).toEqual([204, origin]);
  const got = await send(route, {
    ...(await recipeOf(route).succeed(world, world.here)),
    headers: { origin },
  });
  expect(got.headers.get("access-control-expose-headers")).toMatch(/ETag.*Location/);
});

test("every operation of the manifest has a recipe, and every declared answer was seen", () => {
  expect(Object.keys(recipes).filter((id) => !adminRoutes.some((route) => route.id === id))).toEqual([]);
  const missing: string[] = [];
  for (const route of adminRoutes) {
    if (recipes[route.id] === undefined) missing.push(addRecipe(route.id));
    const declared = Object.keys(world.document.operation(route).responses).filter((one) => one !== "5XX");
    for (const answer of [...declared, ...route.refuses]) {
      if (world.seen.has(`${route.id} ${answer}`)) continue;
      missing.push(
        `${route.id} declares ${answer}, and no test has seen it. Does it answer so? Then its recipe in test/e2e/routes/recipes is to show it; else take it out of the route's \`refuses\` or of src/admin/refusals.ts.`,
      );
    }
  }
  expect(missing).toEqual([]);
  expect(world.gateway.logs()).not.toContain("request failed");
});
