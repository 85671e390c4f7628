import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { adminRoutes } from "../../../src/admin/routes.ts";
import { AdminClient, type OperationId } from "../../../src/client/admin-client.ts";
import { eventually } from "../child.ts";
import { RawSession } from "../raw-session.ts";
import type { Route } from "./document.ts";
import { recipes } from "./recipes/recipes.ts";
import { type Sent, startWorld, type World } from "./world.ts";

const TIMEOUT_MS = 60_000;
let world: World;
beforeAll(async () => {
  world = await startWorld();
}, TIMEOUT_MS);
afterAll(() => world?.stop(), TIMEOUT_MS);

type Row = { readonly id: string };
interface List {
  readonly id: string;
  /** Makes one object more. */
  readonly add: () => Promise<Row>;
  readonly remove?: (id: string) => Promise<unknown>;
  readonly sent?: () => Sent;
}
const make = (create: string) => async (): Promise<Row> =>
  world.done(
    create,
    world.here,
    await (recipes[create] as { succeed: CallableFunction }).succeed(world, world.here),
  );
const drop = (remove: string) => (id: string) => world.done(remove, world.here, { params: { id } });
const noRow = { id: "" };
let namespaceId = "";
let ruleId = "";

/** How each list is filled, and emptied. */
const lists: readonly List[] = [
  { id: "servers-list", add: make("servers-create"), remove: drop("servers-delete") },
  { id: "own-keys-list", add: make("own-keys-create") },
  { id: "keys-list", add: make("own-keys-create") },
  { id: "users-list", add: make("users-create"), remove: drop("users-delete") },
  { id: "policies-list", add: make("policies-create"), remove: drop("policies-delete") },
  { id: "namespaces-list", add: make("namespaces-create"), remove: drop("namespaces-delete") },
  {
    id: "organizations-list",
    add: make("organizations-create"),
    remove: drop("organizations-delete"),
    sent: () => ({ key: world.operator }),
  },
  { id: "rate-limits-list", add: make("rate-limits-create"), remove: drop("rate-limits-delete") },
  {
    id: "namespaces-servers",
    add: async () => {
      const namespace = await world.done("namespaces-get", world.here, { params: { id: namespaceId } });
      const body = { name: world.name("inside"), type: "streamable-http", url: world.upstream.url };
      return world.done("servers-create", world.here, { body: { ...body, namespace: namespace.slug } });
    },
    remove: drop("servers-delete"),
    sent: () => ({ params: { id: namespaceId } }),
  },
  { id: "sessions-list", add: openSession },
  {
    id: "namespaces-sessions",
    add: openSession,
    sent: () => ({ params: { id: defaultNamespace } }),
  },
  { id: "logs", add: refusedCall },
  {
    id: "platform-logs",
    add: async () => {
      await world.send(world.route("profile-get"), world.here, { key: "mgw_of-nobody" });
      return noRow;
    },
  },
  {
    id: "rate-limits-usage",
    add: async () => {
      const { key } = await world.done("own-keys-create", world.here, { body: { name: world.name("k") } });
      await world.done("profile-get", world.here, { key });
      return noRow;
    },
    sent: () => ({ params: { id: ruleId } }),
  },
];
let defaultNamespace = "";

async function openSession(): Promise<Row> {
  await RawSession.open(world.gateway.mcpUrl(), world.here.keys.user);
  return noRow;
}
async function refusedCall(): Promise<Row> {
  const session = await world.once("caller", () =>
    RawSession.open(world.gateway.mcpUrl(), world.here.keys.user),
  );
  await session.request("tools/call", { name: "nothing__there", arguments: {} });
  return noRow;
}
const idOf = (item: { id?: string; subject?: string }) => item.id ?? item.subject ?? "";

async function walk(route: Route, sent: Sent, limit: number, between: (page: number) => Promise<void>) {
  const seen: string[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const query: Record<string, string> = { limit: String(limit), ...(cursor !== null && { cursor }) };
    const got = await world.send(route, world.here, { ...sent, query });
    expect([route.id, got.status]).toEqual([route.id, 200]);
    expect(got.json.items.length).toBeLessThanOrEqual(limit);
    seen.push(...got.json.items.map(idOf));
    cursor = got.json.next_cursor;
    pages++;
    await between(pages);
  } while (cursor !== null && pages < 500);
  return seen;
}

describe("lists", () => {
  beforeAll(async () => {
    namespaceId = (await make("namespaces-create")()).id;
    const { items } = await world.done("namespaces-list", world.here);
    defaultNamespace = items.find(({ slug }: { slug: string }) => slug === "default").id;
    const rule = { name: "counted", per: ["key"], limit: 100_000, window_seconds: 60 };
    ruleId = (await world.done("rate-limits-create", world.here, { body: rule })).id;
  });

  test("each list of the manifest is walked below", () => {
    const known = new Set(lists.map(({ id }) => id));
    const paged = adminRoutes.filter(({ query }) => query !== undefined && "cursor" in query.shape);
    const missing = paged.filter(({ id }) => !known.has(id)).map(({ id }) => id);
    expect([missing, "add them to the lists of test/e2e/routes/lists.test.ts"]).toEqual([
      [],
      "add them to the lists of test/e2e/routes/lists.test.ts",
    ]);
  });

  test(
    "pages of two hold every item once, while others come and go",
    async () => {
      for (const { id, add, remove, sent = () => ({}) } of lists) {
        const route = world.route(id);
        const doomed: string[] = [];
        for (let n = 0; n < 5; n++) doomed.push((await add()).id);
        const before = await eventually(`${id} holds what was made`, async () => {
          const { items } = await world.done(id, world.here, { ...sent(), query: { limit: "1000" } });
          return items.length >= 5 ? (items.map(idOf) as string[]) : undefined;
        });
        const gone = new Set<string>();
        const seen = await walk(route, sent(), 2, async (page) => {
          if (page > 3) return;
          await add();
          const victim = page === 2 && remove !== undefined ? doomed.at(-1) : undefined;
          if (victim === undefined) return;
          await remove?.(victim);
          gone.add(victim);
        });
        expect([id, new Set(seen).size]).toEqual([id, seen.length]);
        const missed = before.filter((one) => !seen.includes(one) && !gone.has(one));
        expect([id, missed]).toEqual([id, []]);
      }
    },
    TIMEOUT_MS,
  );

  test(
    "the typed client reads every list to its end, and every object",
    async () => {
      const client = new AdminClient(world.gateway.origin, () => world.here.keys.admin);
      for (const { id, sent } of lists) {
        if (world.route(id).access === "operator") continue;
        const params = sent?.().params;
        const request = { query: { limit: 3 }, ...(params !== undefined && { params }) };
        const items = await Array.fromAsync(client.items(id as "keys-list", request as { query: object }));
        expect([id, items.length > 0]).toEqual([id, true]);
      }
      for (const route of adminRoutes) {
        if (!route.id.endsWith("-get") || route.access !== "caller") continue;
        const { params } = await (recipes[route.id] as { succeed: CallableFunction }).succeed(
          world,
          world.here,
        );
        const id = route.id as "servers-get" & OperationId;
        const answer = await client.call(
          id,
          (params === undefined ? {} : { params }) as { params: { id: string } },
        );
        // An organisation has one of some, which have no id of their own.
        const isOneOfMany = route.path.includes("{id}");
        expect([route.id, typeof answer]).toEqual([route.id, "object"]);
        if (isOneOfMany) expect([route.id, typeof answer.id]).toEqual([route.id, "string"]);
      }
    },
    TIMEOUT_MS,
  );
});

describe("the record's filters", () => {
  const logs = async (query: Record<string, string>) =>
    world.send(world.route("logs"), world.here, { query });

  test("each narrows, to nothing where nothing fits; one that an event does not have is refused", async () => {
    await refusedCall();
    // The intent of a call may be in the store a moment before its outcome.
    const one = await eventually("a call that has ended is in the store", async () => {
      const { json } = await logs({ action: "tools/call" });
      return json.items.find(({ status }: { status: string }) => status !== "running");
    });
    for (const name of [
      "actor",
      "actor_name",
      "action",
      "status",
      "correlation_id",
      "client_address",
      "namespace_id",
    ]) {
      if (one[name] === null) continue;
      const { json } = await logs({ [name]: one[name] });
      const others = json.items.filter((item: Record<string, unknown>) => item[name] !== one[name]);
      expect([name, json.items.length > 0, others]).toEqual([name, true, []]);
      if (name === "namespace_id") continue;
      expect((await logs({ [name]: "nothing of it" })).json.items).toEqual([]);
    }
    expect((await logs({ from: one.at, to: one.at })).json.items).toEqual([]);
    await eventually("nothing runs", async () =>
      (await logs({ status: "running" })).json.items.length === 0 ? true : undefined,
    );
    for (const name of ["server", "served_by"]) {
      const refused = await logs({ kind: "event", [name]: "x" });
      expect([name, refused.status, refused.json.detail]).toEqual([name, 400, expect.stringContaining(name)]);
    }
  });

  test("400: what no store can look for, before an export begins; a time at the edge is no fault", async () => {
    const cursor = (...place: unknown[]) => Buffer.from(JSON.stringify(place)).toString("base64url");
    const id = Bun.randomUUIDv7();
    const wrong: Record<string, string>[] = [
      ...["actor", "actor_name", "action", "target", "status", "error_code", "server"].map((name) => ({
        [name]: "a\0",
      })),
      ...[cursor(1e308, id, 0), cursor(-1e15, id, 0), cursor(1, "x", 0), cursor(1, id, 1.5)].map((one) => ({
        cursor: one,
      })),
    ];
    for (const query of wrong) {
      const { status, code } = await logs({ ...query, format: "jsonl" });
      expect([query, status, code]).toEqual([query, 400, "invalid_request"]);
    }
    const policies = [{ name: "p", effect: "allow", actions: ["*"], resources: ["*"] }];
    const body = { policies, cursor: cursor(1e308, 1e308, id) };
    const replay = await world.send(world.route("policies-replay"), world.here, { body });
    expect([replay.status, replay.code]).toEqual([400, "invalid_request"]);
    const query = { to: "0000-01-01T00:00:00Z" };
    expect((await world.send(world.route("stats"), world.here, { query })).status).toBe(200);
  });
});
