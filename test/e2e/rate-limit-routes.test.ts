import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { request } from "./administration.ts";
import { bootstrapKey, type Gateway, startGateway } from "./gateway.ts";

const PATH = "/api/admin/rate-limits";
const RULE = { name: "listings", per: ["key"], limit: 3, window_seconds: 3_600 };

let gateway: Gateway;
let admin: string;
let viewer: string;
beforeAll(async () => {
  gateway = await startGateway({
    servers: [],
    anonymous: false,
    settings: {
      rate_limits: {
        rules: [{ name: "fixed", per: ["user"], match: { user: ["nobody"] }, limit: 9, window: "1m" }],
        defaults: [{ name: "usual", per: ["user"], match: { user: ["nobody"] }, limit: 5, window: "1m" }],
      },
    },
  });
  admin = await bootstrapKey(gateway);
  viewer = await gateway.mintKey("--name", "viewer", "--role", "viewer", "--permission", "*");
});
afterAll(() => gateway.stop());

const as = (key: string | undefined, method: string, path = "", body?: unknown, headers = {}) =>
  request(gateway.origin, method, `${PATH}${path}`, key, body, headers);

describe("rate limits over the API", () => {
  test("200, 201, 204: created, in force at once, shown with their usage, changed, reset, removed", async () => {
    const created = await as(admin, "POST", "", { ...RULE, match: { endpoint: ["namespace.list"] } });
    expect(created.status).toBe(201);
    expect(created.json).toMatchObject({
      ...RULE,
      algorithm: "sliding_window",
      managed: false,
      active: true,
    });
    const id = created.json.id as string;
    const act = () => request(gateway.origin, "GET", "/api/admin/namespaces", viewer);
    for (let n = 0; n < 3; n++) expect((await act()).status).toBe(200);
    const refused = await act();
    expect(refused.status).toBe(429);
    expect(refused.headers.get("ratelimit-policy")).toBe('"listings";q=3;w=3600');
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(3_000);
    expect(refused.json).toMatchObject({ code: "rate_limited", data: { rule: "listings", limit: 3 } });

    const usage = await as(admin, "GET", `/${id}/usage`);
    expect(usage.json.items).toMatchObject([{ period: "day", admitted: 3, refused: 1, used: 3, limit: 3 }]);
    expect((await as(admin, "POST", `/${id}/reset`, {})).status).toBe(204);
    expect((await act()).status).toBe(200);
    expect((await as(admin, "POST", `/${id}/reset`, { subject: usage.json.items[0].subject })).status).toBe(
      204,
    );

    const etag = created.headers.get("etag") ?? "";
    expect((await as(admin, "PUT", `/${id}`, { limit: 1 }, { "if-match": etag })).status).toBe(412);
    const changed = await as(admin, "PUT", `/${id}`, { limit: 1 });
    expect(changed.json).toMatchObject({ ...RULE, limit: 1 });
    expect([(await act()).status, (await act()).status]).toEqual([200, 429]);
    const list = await as(viewer, "GET");
    const names = list.json.items.map(({ name, managed }: { name: string; managed: boolean }) => [
      name,
      managed,
    ]);
    expect(names).toEqual([
      ["fixed", true],
      ["usual", true],
      ["listings", false],
    ]);
    expect((await as(admin, "DELETE", `/${id}`)).status).toBe(204);
    expect((await act()).status).toBe(200);
    expect((await as(admin, "GET", `/${id}`)).status).toBe(404);
  });

  test("a dimension that is given twice is one, in a change too", async () => {
    const per = ["key", "user", "key"];
    const created = await as(admin, "POST", "", { ...RULE, name: "repeated", per });
    expect(created.json.per).toEqual(["key", "user"]);
    const changed = await as(admin, "PUT", `/${created.json.id}`, { per: ["user", "user"] });
    expect([changed.status, changed.json.per]).toEqual([200, ["user"]]);
    await as(admin, "DELETE", `/${created.json.id}`);
  });

  test("a rule of its own takes a default's place; the file's fixed rules stay", async () => {
    const created = await as(admin, "POST", "", { ...RULE, name: "usual", active: false });
    const names = async () => (await as(admin, "GET")).json.items.map(({ name }: { name: string }) => name);
    expect(await names()).toEqual(["fixed", "usual"]);
    await as(admin, "DELETE", `/${created.json.id}`);
    expect(await names()).toEqual(["fixed", "usual"]);
  });

  test.each([
    ["an unknown field", { ...RULE, colour: "red" }],
    ["no limit", { name: "x", window_seconds: 60 }],
    ["a limit of nothing", { ...RULE, limit: 0 }],
    ["no window", { name: "x", limit: 1 }],
    ["a window for a quota", { ...RULE, algorithm: "quota", period: "day" }],
    ["an unknown dimension", { ...RULE, per: ["colour"] }],
    ["a tool by the name that clients see", { ...RULE, match: { tool: ["github__create"] } }],
    ["an address that is none", { ...RULE, match: { ip: ["10.0.0.0/99"] } }],
    ["another organisation", { ...RULE, match: { organization: ["other"] } }],
    ["a name that breaks a header", { ...RULE, name: 'a"b' }],
  ])("400: %s", async (_what, body) => {
    expect((await as(admin, "POST", "", body)).status).toBe(400);
  });

  test("a member as the file spells it is answered with the one meant", async () => {
    const { status, json } = await as(admin, "POST", "", { name: "x", limit: 1, window: "1m" });
    expect([status, json.detail]).toEqual([
      400,
      'Not a valid request: the body: Unrecognized key: "window" (did you mean window_seconds?).',
    ]);
  });

  test("whoever made a rule too tight can take it back", async () => {
    const tight = { name: "tight", per: ["organization"], limit: 1, window_seconds: 86_400 };
    const { json } = await as(admin, "POST", "", tight);
    const namespaces = () => request(gateway.origin, "GET", "/api/admin/namespaces", admin);
    await namespaces();
    expect((await namespaces()).status).toBe(429);
    expect((await as(admin, "GET")).status).toBe(200);
    expect((await as(viewer, "GET")).status).toBe(429);
    expect((await as(admin, "DELETE", `/${json.id}`)).status).toBe(204);
    expect((await namespaces()).status).toBe(200);
  });

  test("401, 403, 404, 409", async () => {
    const [fixed] = (await as(admin, "GET")).json.items as { id: string }[];
    const missing = crypto.randomUUID();
    for (const [method, path, body] of [
      ["GET", "", undefined],
      ["POST", "", RULE],
      ["GET", `/${missing}`, undefined],
      ["PUT", `/${missing}`, { limit: 1 }],
      ["DELETE", `/${missing}`, undefined],
      ["GET", `/${missing}/usage`, undefined],
      ["POST", `/${missing}/reset`, {}],
    ] as const) {
      expect([method, path, (await as(undefined, method, path, body)).status]).toEqual([method, path, 401]);
      if (path !== "")
        expect([method, path, (await as(admin, method, path, body)).status]).toEqual([method, path, 404]);
      const reads = method === "GET" && !path.endsWith("/usage");
      if (!reads)
        expect([method, path, (await as(viewer, method, path, body)).status]).toEqual([method, path, 403]);
    }
    expect((await as(admin, "PUT", `/${fixed?.id}`, { limit: 1 })).status).toBe(409);
    expect((await as(admin, "DELETE", `/${fixed?.id}`)).status).toBe(409);
    const created = await as(admin, "POST", "", { ...RULE, name: "twice" });
    expect((await as(admin, "POST", "", { ...RULE, name: "twice" })).status).toBe(409);
    await as(admin, "DELETE", `/${created.json.id}`);
  });
});
