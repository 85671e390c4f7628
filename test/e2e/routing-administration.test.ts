import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { request } from "./administration.ts";
import { eventually } from "./child.ts";
import { TwoVersions } from "./two-versions.ts";

const TIMEOUT_MS = 60_000;
let world: TwoVersions;

beforeAll(async () => {
  world = await TwoVersions.start();
}, TIMEOUT_MS);
afterAll(() => world?.stop(), TIMEOUT_MS);

test("a route that cannot be is refused when it is written, with the place", async () => {
  const route = world.routeOf("wrong", "changing", "github-v2");
  const refusals: [object, string][] = [
    [{ route: { server: "nowhere" } }, "route.server: the namespace default has no server nowhere"],
    [{ route: undefined }, "route: must be the server that serves"],
    [{ effect: "deny" }, "route: must be left out"],
    [{ resources: ["github:test_label"] }, "resources.0: must be a whole server"],
    [{ resources: ["*:*"] }, "resources.0: must be a whole server"],
    [{ resources: undefined }, "resources.0: must be a whole server"],
    [{ actions: ["call"] }, "actions.0: must be *"],
    [{ actions: ["server.update"] }, "actions.0: must be *"],
    [
      { condition: 'principal.role == "user" &&\n has(args.x)' },
      "condition: line 2, column 6: a route may ask about the principal alone, not args",
    ],
    [{ condition: "time > timestamp('2026-01-01T00:00:00Z')" }, "line 1, column 1: "],
    [{ condition: 'client_address == "127.0.0.1"' }, "not client_address"],
    [{ condition: 'tool.server == "github"' }, "not tool"],
  ];
  for (const [change, message] of refusals) {
    const answer = await world.refused("POST", "/policies", { ...route, ...change });
    expect([change, answer.status, answer.json.detail ?? answer.text]).toEqual([
      change,
      400,
      expect.stringContaining(message),
    ]);
  }
  const { json: policy } = await world.admin("POST", "/policies", route);
  const update = (body: object) => world.refused("PUT", `/policies/${policy.id}`, body);
  expect((await update({ route: { server: "nowhere" } })).status).toBe(400);
  expect((await update({ effect: "deny" })).json.detail).toContain("it belongs to the effect route");
  expect((await world.refused("POST", "/policies", { ...route, name: "beta" })).status).toBe(409);
  // A policy that becomes a denial is one, under its id.
  const denial = await update({ effect: "deny", route: null, resources: ["none:*"] });
  expect([denial.status, denial.json.id, denial.json.effect]).toEqual([200, policy.id, "deny"]);
  await world.admin("DELETE", `/policies/${policy.id}`);
});

test("an explanation, a test and a replay show who would serve", async () => {
  const at = { call: { server: "github", tool: "test_label" } };
  const explained = await world.admin("POST", "/policies/explain", {
    ...{ ...at, principal: { key_id: world.keys.get("beta")?.id } },
  });
  expect(explained.json).toMatchObject({
    ...{ verdict: "allow", served_by: "github-v2", routed_by: "beta" },
    chain: [{ policy: "beta", effect: "route", condition: null, answer: "applies" }],
  });
  const canary = {
    ...{ name: "canary", effect: "route", resources: ["github:*"], route: { server: "github-v2" } },
    condition: '"beta" in principal.groups',
  };
  const tested = await world.admin("POST", "/policies/test", {
    policies: [canary],
    cases: [
      { ...at, principal: { role: "user", groups: ["beta"] }, expect_served_by: "github-v2" },
      { ...at, principal: { role: "user", groups: ["ops"] }, expect_served_by: "github" },
      { ...at, principal: { role: "user" }, expect: "allow", expect_served_by: "github-v2" },
    ],
  });
  expect(tested.json).toMatchObject({ passed: 2, failed: 1 });
  expect(tested.json.cases.map(({ routed_by: by }: { routed_by: string | null }) => by)).toEqual([
    ...["canary", null, null],
  ]);
  await world.labelOf("stable");
  await eventually("the call stands in the record", () =>
    world.lastCall(`actor=key:${world.keys.get("stable")?.id}`).then((entry) => entry ?? undefined),
  );
  const { json } = await world.admin("POST", "/policies/replay", {
    policies: [{ ...canary, condition: undefined, subjects: [`key:${world.keys.get("stable")?.id}`] }],
  });
  expect(json.flips.length).toBeGreaterThan(0);
  for (const flip of json.flips) {
    expect(flip).toMatchObject({ before: "allow", after: "allow" });
    expect(flip).toMatchObject({ served_before: "github", served_after: "github-v2" });
  }
});

test(
  "a route of the file follows the file while running",
  async () => {
    const path = join(world.gateway.folder, "gateway.yaml");
    const file = await readFile(path, "utf8");
    const follows = async (text: string, label: string) => {
      await writeFile(path, text);
      await eventually("the file is followed", async () =>
        (await world.labelOf("beta")) === label ? true : undefined,
      );
    };
    expect(await world.labelOf("beta")).toBe("v2");
    await follows(file.replace("name: beta", "name: beta\n      enabled: false"), "v1");
    await follows(file.replace("server: github-v2", "server: github-v9"), "Server github cannot be reached.");
    expect(world.gateway.logs()).toContain("route leads nowhere");
    await follows(file, "v2");
  },
  TIMEOUT_MS,
);

test("a condition that cannot be answered leaves nobody to serve", async () => {
  const route = {
    ...world.routeOf("first-group", "changing", "github-v2"),
    condition: 'principal.groups[0] == "x"',
  };
  const { json: policy } = await world.admin("POST", "/policies", route);
  expect(await world.labelOf("changing")).toBe("Server github cannot be reached.");
  await world.admin("DELETE", `/policies/${policy.id}`);
});

test(
  "an organisation's routes are its own, and lead to no other's server",
  async () => {
    await world.admin("POST", "/api/admin/organizations", { slug: "acme", name: "Acme" });
    const key_ = await world.gateway.mintKey(
      ...["--name", "a", "--organization", "acme", "--role", "admin", "--permission", "*:*"],
    );
    world.keys.set("acme", { id: "", key: key_ });
    const as = (method: string, path: string, body: unknown) =>
      request(world.gateway.origin, method, path, key_, body);
    const server = { type: "streamable-http", url: world.upstreams[0].url };
    expect((await as("POST", "/gateway/servers", { ...server, name: "github" })).status).toBe(201);
    await eventually("its server answers", async () =>
      (await world.labelOf("acme")) === "v1" ? true : undefined,
    );
    const route = { name: "r", effect: "route", resources: ["github:*"], route: { server: "github-v2" } };
    expect((await as("POST", "/policies", route)).status).toBe(400);
    const url = world.upstreams[2].url;
    expect((await as("POST", "/gateway/servers", { ...server, url, name: "new" })).status).toBe(201);
    expect((await as("POST", "/policies", { ...route, route: { server: "new" } })).status).toBe(201);
    await eventually("its route is in force", async () =>
      (await world.labelOf("acme")) === "v3" ? true : undefined,
    );
    expect([await world.labelOf("stable"), await world.labelOf("beta")]).toEqual(["v1", "v2"]);
  },
  TIMEOUT_MS,
);
