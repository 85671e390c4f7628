import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { adminRoutes } from "../../../src/admin/routes.ts";
import { eventually } from "../child.ts";
import { RawSession } from "../raw-session.ts";
import { startWorld, type Tenant, type World } from "./world.ts";

const TIMEOUT_MS = 60_000;
/** Of every list, or tested with the record. */
const PLAIN = new Set(["limit", "cursor", "organization"]);
const RECORDS = new Set(["logs", "platform-logs"]);

let world: World;
/** Ids of what was made, the same in both tenants. */
const made = new Map<Tenant, Record<string, string>>();

type Item = ReturnType<typeof JSON.parse>;
interface Case {
  readonly list: string;
  readonly query: (ids: Record<string, string>) => Record<string, string>;
  readonly fits: (item: Item, ids: Record<string, string>) => boolean;
  /** Of the object whose list it is. */
  readonly of?: string;
  /** Whoever has nothing that fits. */
  readonly isEmpty?: boolean;
}
const by = (
  list: string,
  query: Record<string, string>,
  fits: (item: Item) => boolean,
  more: Pick<Case, "of" | "isEmpty"> = {},
): Case => ({ list, query: () => query, fits, ...more });
const has = (text: string, ...places: (string | null)[]) =>
  places.some((place) => place?.toLowerCase().includes(text));

const cases: readonly Case[] = [
  by("users-list", { role: "viewer" }, ({ role }) => role === "viewer"),
  by("users-list", { active: "false" }, ({ active }) => active === false),
  by("users-list", { platform_admin: "false" }, ({ platform_admin: flag }) => flag === false),
  by("users-list", { platform_admin: "true" }, () => false, { isEmpty: true }),
  by("users-list", { search: "GRETA@" }, ({ username, email }) => has("greta@", username, email)),
  by("users-list", { search: "o", role: "user" }, (u) => has("o", u.username, u.email) && u.role === "user"),
  ...["servers-list", "namespaces-servers"].flatMap((list) => {
    const of = list === "servers-list" ? {} : { of: "default" };
    return [
      by(list, { type: "streamable-http" }, ({ type }) => type === "streamable-http", of),
      by(list, { type: "stdio" }, () => false, { ...of, isEmpty: true }),
      by(list, { active: "false" }, ({ active }) => active === false, of),
      by(list, { active: "true" }, ({ active }) => active === true, of),
      by(list, { status: "ready" }, ({ status }) => status.status === "ready", of),
      by(list, { status: "inactive" }, ({ status }) => status.status === "inactive", of),
      by(list, { search: "TICK" }, ({ name }) => has("tick", name), of),
    ];
  }),
  by("servers-list", { namespace: "lab" }, ({ namespace }) => namespace === "lab"),
  by("servers-list", { namespace: "nowhere" }, () => false, { isEmpty: true }),
  by("policies-list", { effect: "allow" }, ({ effect }) => effect === "allow"),
  by("policies-list", { effect: "deny" }, ({ effect }) => effect === "deny"),
  by("policies-list", { effect: "route" }, ({ effect }) => effect === "route"),
  by("policies-list", { namespace: "lab" }, ({ namespace }) => namespace === "lab"),
  by("policies-list", { active: "false" }, ({ active }) => active === false),
  by("policies-list", { search: "NEVER" }, ({ name }) => has("never", name)),
  ...["keys-list", "own-keys-list"].flatMap((list) => [
    by(list, { type: "a2a" }, ({ type }) => type === "a2a"),
    by(list, { role: "viewer" }, ({ role }) => role === "viewer"),
    by(list, { namespace: "lab" }, ({ namespace }) => namespace === "lab"),
    by(list, { status: "active" }, ({ status }) => status === "active"),
    by(list, { status: "revoked" }, ({ status }) => status === "revoked"),
    by(list, { status: "expired" }, ({ status }) => status === "expired"),
    by(list, { status: "inactive" }, () => false, { isEmpty: true }),
    by(list, { search: "SHORT" }, ({ name, prefix }) => has("short", name, prefix)),
  ]),
  {
    list: "keys-list",
    query: ({ greta = "" }) => ({ user_id: greta }),
    fits: ({ user_id }, { greta }) => user_id === greta,
  },
  by("rate-limits-list", { algorithm: "fixed_window" }, ({ algorithm }) => algorithm === "fixed_window"),
  by("rate-limits-list", { namespace: "lab" }, ({ namespace }) => namespace === "lab"),
  by("rate-limits-list", { active: "false" }, ({ active }) => active === false),
  by("rate-limits-list", { search: "WIND" }, ({ name }) => has("wind", name)),
  {
    list: "rate-limits-usage",
    of: "windy",
    query: ({ caller = "" }) => ({ subject: caller }),
    fits: ({ subject }, { caller }) => subject === caller,
  },
  by("namespaces-list", { search: "LABOR" }, ({ slug, name }) => has("labor", slug, name)),
  ...["sessions-list", "namespaces-sessions"].flatMap((list): Case[] => {
    const of = list === "sessions-list" ? {} : { of: "default" };
    return [
      by(list, { status: "active" }, ({ status }) => status === "active", of),
      by(list, { status: "terminated" }, ({ status }) => status === "terminated", of),
      {
        ...{ list, ...of },
        query: ({ caller = "" }) => ({ principal_id: `key:${caller}` }),
        fits: ({ principal_id: id }, { caller }) => id === `key:${caller}`,
      },
      {
        ...{ list, ...of },
        query: ({ greta = "" }) => ({ user_id: greta }),
        fits: ({ user_id: id }, { greta }) => id === greta,
      },
    ];
  }),
  by("sessions-list", { namespace: "default" }, ({ namespace }) => namespace === "default"),
  by("sessions-list", { namespace: "lab" }, () => false, { isEmpty: true }),
];

async function fill(tenant: Tenant): Promise<void> {
  const create = async (id: string, body: object): Promise<Item> => world.done(id, tenant, { body });
  const put = (id: string, of: string, body: object) => world.done(id, tenant, { params: { id: of }, body });
  const lab = await create("namespaces-create", { slug: "lab", name: "Laboratory" });
  const greta = await create("users-create", { username: "greta", email: "Greta@Example.com", role: "user" });
  await create("users-create", { username: "viktor", role: "viewer" });
  const otto = await create("users-create", { username: "otto", role: "user" });
  await put("users-update", otto.id, { active: false });

  const { url } = world.upstream;
  const server = { type: "streamable-http", url };
  const tickets = await create("servers-create", { ...server, name: "tickets" });
  await create("servers-create", { ...server, name: "ticks", namespace: "lab" });
  const resting = await create("servers-create", { ...server, name: "resting-ticks" });
  await put("servers-update", resting.id, { active: false });

  const soon = new Date(Date.now() + 500).toISOString();
  const caller = await create("own-keys-create", { name: "caller", permissions: ["*:*"] });
  await create("own-keys-create", { name: "short-lived", expires_at: soon });
  await create("own-keys-create", { name: "lab's", namespace: "lab", role: "viewer" });
  await create("own-keys-create", { name: "app", type: "a2a" });
  const hers = await create("own-keys-create", { name: "hers", user_id: greta.id });
  const gone = await create("own-keys-create", { name: "gone" });
  await world.done("keys-revoke", tenant, { params: { id: gone.id } });

  const rule = { per: ["key"], limit: 100_000, window_seconds: 60 };
  const windy = await create("rate-limits-create", { ...rule, name: "windy" });
  await create("rate-limits-create", {
    ...rule,
    name: "window",
    algorithm: "fixed_window",
    namespace: "lab",
  });
  const slack = await create("rate-limits-create", { ...rule, name: "slack" });
  await put("rate-limits-update", slack.id, { active: false });

  const sessions = await Promise.all(
    [caller, hers].map(({ key }) => RawSession.open(world.gateway.mcpUrl(), key)),
  );
  await fetch(sessions[0]?.url ?? "", {
    method: "DELETE",
    headers: { authorization: `Bearer ${caller.key}`, "mcp-session-id": sessions[0]?.id ?? "" },
  });
  await RawSession.open(world.gateway.mcpUrl(), caller.key);

  const policy = { subjects: ["user:nobody"], resources: ["none:*"] };
  await create("policies-create", { ...policy, name: "some", effect: "allow" });
  await create("policies-create", { ...policy, name: "never", effect: "deny", namespace: "lab" });
  const idle = await create("policies-create", { ...policy, name: "nevermore", effect: "deny" });
  await put("policies-update", idle.id, { active: false });
  const route = { ...policy, route: { server: "tickets" } };
  await create("policies-create", { ...route, name: "led", effect: "route" });
  await world.done("profile-get", tenant, { key: caller.key });
  await eventually("the server is ready", async () => {
    const { status } = await world.done("servers-get", tenant, { params: { id: tickets.id } });
    return status.status === "ready" ? true : undefined;
  });
  const { items } = await world.done("namespaces-list", tenant);
  const { id } = items.find(({ slug }: Item) => slug === "default");
  made.set(tenant, { default: id, lab: lab.id, greta: greta.id, caller: caller.id, windy: windy.id });
}

beforeAll(async () => {
  world = await startWorld();
  await Promise.all([fill(world.here), fill(world.there)]);
  await Bun.sleep(500);
}, TIMEOUT_MS);
afterAll(() => world?.stop(), TIMEOUT_MS);

const idOf = ({ id, subject, period_start }: Item): string => id ?? `${subject} ${period_start}`;

describe("filters of lists", () => {
  test("each parameter of each list is tried below", () => {
    const tried = new Set(
      cases.flatMap(({ list, query }) => Object.keys(query({})).map((one) => `${list} ${one}`)),
    );
    const missing = adminRoutes.flatMap(({ id, query }) => {
      if (query === undefined || !("cursor" in query.shape) || RECORDS.has(id)) return [];
      const names = Object.keys(query.shape).filter((name) => !PLAIN.has(name));
      return names.map((name) => `${id} ${name}`).filter((one) => !tried.has(one));
    });
    expect(missing.filter((one) => !one.startsWith("organizations-list "))).toEqual([]);
  });

  test.each(cases.map((one) => [one.list, JSON.stringify(one.query({})), one] as const))(
    "%s: %s",
    async (list, _query, { query, fits, of, isEmpty }) => {
      for (const [tenant, other] of [
        [world.here, world.there],
        [world.there, world.here],
      ] as const) {
        const ids = made.get(tenant) as Record<string, string>;
        const params = of === undefined ? {} : { params: { id: ids[of] as string } };
        const ask = async (asked: Record<string, string>) =>
          world.done(list, tenant, { ...params, query: { limit: "1000", ...asked } });
        const wanted = (await ask({})).items.filter((item: Item) => fits(item, ids)).map(idOf);
        const found = (await ask(query(ids))).items.map(idOf);
        expect(found).toEqual(wanted);
        expect(found.length > 0).toBe(isEmpty !== true);
        const paged: string[] = [];
        for (let cursor: string | null = ""; cursor !== null && paged.length <= found.length; ) {
          const page: Item = await ask({ ...query(ids), limit: "1", ...(cursor !== "" && { cursor }) });
          paged.push(...page.items.map(idOf));
          cursor = page.next_cursor;
        }
        expect(paged).toEqual(found);
        // What names another tenant's object finds nothing, as what names none.
        const theirs = await ask(query(made.get(other) as Record<string, string>));
        const mine = new Set((await ask({})).items.map(idOf));
        expect(theirs.items.map(idOf).filter((id: string) => !mine.has(id))).toEqual([]);
      }
    },
    TIMEOUT_MS,
  );

  test("what the configuration file defines is narrowed as what is stored", async () => {
    const names = async (list: string, query: Readonly<Record<string, string | undefined>>) => {
      const { items } = await world.done(list, world.here, {
        key: world.operator,
        query: query as Record<string, string>,
      });
      return items.map(({ name }: Item) => name);
    };
    expect(await names("servers-list", { search: "FIL", type: "streamable-http" })).toEqual(["filed"]);
    for (const query of [{ search: "tick" }, { type: "sse" }, { active: "false" }, { namespace: "nowhere" }])
      expect(await names("servers-list", query)).toEqual([]);
    expect(await names("servers-list", { namespace: "default" })).toEqual(["filed"]);
    expect(await names("policies-list", { effect: "deny" })).toEqual(["of-the-file"]);
    for (const query of [{ effect: "allow" }, { active: "false" }, { search: "x" }, { namespace: "default" }])
      expect(await names("policies-list", query)).toEqual([]);
    expect(await names("rate-limits-list", { search: "worn" })).toEqual(["worn-out"]);
    for (const query of [{ algorithm: "quota" }, { active: "false" }, { namespace: "default" }])
      expect(await names("rate-limits-list", query)).toEqual([]);
  });

  test("organisations: a platform administrator finds them, others their own", async () => {
    const slugs = async (query: Record<string, string>, key = world.operator) => {
      const { items } = await world.done("organizations-list", world.here, { key, query });
      return items.map(({ slug }: Item) => slug);
    };
    expect(await slugs({ search: "HERE" })).toEqual(["here", "there"]);
    expect(await slugs({ search: "here", active: "false" })).toEqual([]);
    const { admin } = world.here.keys;
    expect(await slugs({ search: "here" }, admin)).toEqual(["here"]);
    expect(await slugs({ search: "there" }, admin)).toEqual([]);
    expect(await slugs({ active: "false" }, admin)).toEqual([]);
  });

  test("a value that no filter takes is refused, and names the parameter", async () => {
    for (const [list, query] of [
      ["users-list", { search: "" }],
      ["users-list", { search: "a\0b" }],
      ["servers-list", { namespace: "No Slug" }],
      ["servers-list", { type: "carrier-pigeon" }],
    ] as const) {
      const got = await world.send(world.route(list), world.here, { query });
      const [name] = Object.keys(query) as [string];
      expect([list, got.status, got.text]).toEqual([list, 400, expect.stringContaining(name)]);
    }
  });
});
