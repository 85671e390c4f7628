import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { adminRoutes } from "../../../src/admin/routes.ts";
import { eventually } from "../child.ts";
import type { Route } from "./document.ts";
import { recipes } from "./recipes/recipes.ts";
import { type Sent, startWorld, type Tenant, type World } from "./world.ts";

const TIMEOUT_MS = 60_000;
let world: World;
/** `there`, administered by a platform administrator of the first organisation. */
let operated: Tenant;
/** The platform administrator at home. */
let home: Tenant;
let operator: { readonly id: string; readonly organization_id: string };
/** A platform administrator's key that is bound to a namespace. */
let bound: string;
let before: readonly Holdings[];
type Holdings = Readonly<Record<string, readonly string[]>>;
const acts: { readonly route: Route; readonly correlationId: string }[] = [];

/** What each list of an organisation holds, and since when it is as it is. */
async function holdings(tenant: Tenant): Promise<Holdings> {
  const held: Record<string, readonly string[]> = {};
  for (const id of [
    ...["namespaces-list", "servers-list", "users-list", "keys-list"],
    ...["policies-list", "rate-limits-list", "sessions-list"],
  ]) {
    const { items, next_cursor } = await world.done(id, tenant, { query: { limit: "1000" } });
    expect([id, next_cursor]).toEqual([id, null]);
    held[id] = items.map((item: { id: string; updated_at?: string; status?: unknown }) =>
      [item.id, item.updated_at, typeof item.status === "string" ? item.status : ""].join(" "),
    );
  }
  held.claims = [JSON.stringify(await world.done("claim-mapping-get", tenant))];
  return held;
}

beforeAll(async () => {
  world = await startWorld();
  operated = { ...world.there, keys: { ...world.there.keys, admin: world.operator }, named: "there" };
  home = { slug: "default", keys: { ...world.here.keys, admin: world.operator } };
  operator = await world.done("profile-get", home);
  bound = await world.gateway.mintKey("--name", "bound", "--platform-admin", "--namespace", "default");
  before = [await holdings(world.here), await holdings(home)];
}, TIMEOUT_MS);
afterAll(() => world?.stop(), TIMEOUT_MS);

const scoped = adminRoutes.filter(({ scope }) => scope === "organization");
const succeed = async (route: Route, tenant: Tenant): Promise<Sent> =>
  (recipes[route.id] as (typeof recipes)[string]).succeed(world, tenant);

test("what is about an organisation takes the one to act in; what is the caller's or the installation's does not", () => {
  const takers = adminRoutes.filter(({ query }) => query !== undefined && "organization" in query.shape);
  expect(takers.map(({ id }) => id)).toEqual(scoped.map(({ id }) => id));
  const others = adminRoutes.filter(({ access, scope }) => access !== "open" && scope !== "organization");
  expect(others.map(({ id }) => id).filter((id) => !id.startsWith("organizations-"))).toEqual([
    ...["logout", "password", "profile-get", "profile-update", "platform-logs"],
  ]);
});

describe.each(scoped.map((route) => [route.id, route] as const))("%s", (_id, route) => {
  test("a platform administrator acts in the organisation it names, and in no other", async () => {
    const sent = await succeed(route, operated);
    const got = await world.send(route, operated, sent);
    expect([route.id, got.status, got.status === route.status ? "" : got.text]).toEqual([
      ...[route.id, route.status],
      "",
    ]);
    acts.push({ route, correlationId: got.headers.get("x-request-id") as string });
    if (route.status === 201) {
      const { id } = got.json;
      expect(got.headers.get("location")).toBe(`${route.path}/${id}?organization=there`);
      const reader = adminRoutes.find(
        ({ path, method }) => path === `${route.path}/{id}` && method === "GET",
      ) as Route;
      const seen = await Promise.all(
        [operated, world.here, home].map((tenant) => world.send(reader, tenant, { params: { id } })),
      );
      expect(seen.map(({ status }) => status)).toEqual([200, 404, 404]);
    }
    // Of what the tenant's own administrator is shown, the same.
    const isOthers = route.id.startsWith("own-keys") || route.id === "stats" || route.id === "logs";
    if (route.reads && !isOthers) {
      const own = await world.send(route, world.there, sent);
      const [mine, theirs] = [got.json, own.json].map((json) => JSON.stringify(json, withoutTimes));
      expect(mine).toBe(theirs as string);
    }
    if (!route.path.includes("{id}")) return;
    const another = await succeed(route, operated);
    for (const tenant of [home, { ...operated, named: "here" }, { ...operated, named: "default" }]) {
      const missed = await world.send(route, tenant, another);
      expect([route.id, tenant.named, missed.status]).toEqual([route.id, tenant.named, 404]);
    }
  });

  test("404: an organisation there is none of; and any other to a key of one namespace", async () => {
    const sent = await succeed(route, operated);
    for (const [named, key] of [
      ["nowhere", world.operator],
      ["nowhere", bound],
      ["there", bound],
    ] as const) {
      const got = await world.send(route, { ...operated, named }, { ...sent, key });
      expect([route.id, named, got.status, got.code]).toEqual([route.id, named, 404, "not_found"]);
    }
  });
});

/** A server's state and what was counted go on between two readings. */
function withoutTimes(name: string, value: unknown): unknown {
  return name === "status" || name === "last_used_at" || name === "oldest" ? undefined : value;
}

test("each act is in the record of the organisation acted in, with whose its actor is, and in no other", async () => {
  expect(acts.length).toBe(scoped.length);
  for (const { route, correlationId } of acts) {
    const query = { kind: "event", correlation_id: correlationId };
    const [item, ...others] = await eventually(`${route.id} is recorded`, async () => {
      const { items } = await world.done("logs", world.there, { query });
      return items.length > 0 ? items : undefined;
    });
    expect([route.id, item, others]).toEqual([
      route.id,
      expect.objectContaining({
        ...{ action: route.action, actor: operator.id, status: "ok" },
        detail: expect.objectContaining({
          actor_organization: { id: operator.organization_id, slug: "default" },
        }),
      }),
      [],
    ]);
    for (const tenant of [world.here, home])
      expect([route.id, (await world.done("logs", tenant, { query })).items]).toEqual([route.id, []]);
  }
});

test("nothing of it changed anything in any other organisation", async () => {
  expect([await holdings(world.here), await holdings(home)]).toEqual([...before]);
});
