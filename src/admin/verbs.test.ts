import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { actAreas, actsNamed } from "../policy/authorize/act-areas.ts";
import { nounOfPath } from "./operation-objects.ts";
import { adminRoutes } from "./routes.ts";
import { verbsOf } from "./verbs.ts";

const verbs = verbsOf(adminRoutes);

test("docs/guides/policies.md lists every act that policies may name, and no other", async () => {
  const guide = await readFile("docs/guides/policies.md", "utf8");
  const [, section = ""] = /^## Acts of administration\n(.*?)^## /ms.exec(guide) ?? [];
  const rows = [...section.matchAll(/^\| `([a-z_]+)` \| ((?:`[a-z_0-9]+`(?:, )?)+) \|$/gm)];
  const listed = rows.flatMap(([, noun, all = ""]) =>
    [...all.matchAll(/`(\w+)`/g)].map(([, verb]) => `${noun}.${verb}`),
  );
  expect(listed).toEqual([...verbs.keys()].sort());
});

test("an act is a noun and a verb, and what asks for no credential is none", () => {
  for (const verb of verbs.keys()) expect(verb).toMatch(/^[a-z_0-9]+\.[a-z_0-9]+$/);
  for (const { access, action } of adminRoutes) {
    const isOpenOnly = adminRoutes.every((one) => one.action !== action || one.access === "open");
    expect([action, verbs.has(action)]).toEqual([action, access !== "open" || !isOpenOnly]);
  }
});

test("a route whose object policies could not find is not served", () => {
  expect(() => nounOfPath({ id: "x", path: "/toys/{id}", action: "toy.get" })).toThrow(
    "operation-objects.ts",
  );
  expect(nounOfPath({ id: "x", path: "/gateway/servers/{id}/test", action: "server.test" })).toBe("server");
  expect(nounOfPath({ id: "x", path: "/api/admin/namespaces/{id}/servers", action: "server.list" })).toBe(
    "namespace",
  );
});

/** What an organisation's administrators may and not everybody does of themselves. */
const ofAdministrators = [...verbs]
  .filter(([, routes]) => routes.some(({ roles }) => roles.includes("admin") && !roles.includes("api_user")))
  .map(([verb]) => verb);

test("every act of an organisation's administrators is in one area that scopes may permit, and no other act is in any", () => {
  expect(Object.values(actAreas).flat().sort()).toEqual(ofAdministrators.sort());
});

test("docs/guides/identity.md lists the areas with their acts", async () => {
  const guide = await readFile("docs/guides/identity.md", "utf8");
  const rows = [...guide.matchAll(/^\| `admin:([a-z_]+)` \| ((?:`[a-z_.]+`(?:, )?)+) \|/gm)];
  const listed = rows.map(([, area = "", acts = ""]) => [area, acts.replaceAll("`", "").split(", ").sort()]);
  expect(Object.fromEntries(listed)).toEqual(
    Object.fromEntries(Object.entries(actAreas).map(([area, acts]) => [area, [...acts].sort()])),
  );
});

test.each([
  ["admin:user_management", ["user.create", "user.delete", "user.get", "user.list", "user.update"]],
  ["admin:user.*", ["user.create", "user.delete", "user.get", "user.list", "user.update"]],
  ["admin:server.create", ["server.create"]],
  ["admin:*.create", ofAdministrators.filter((verb) => verb.endsWith(".create"))],
  ["admin:*", ofAdministrators],
  ["admin:*.*", ofAdministrators],
  ["admin:organization.*", ["organization.get", "organization.list"]],
  ["admin:auth.password", []],
  ["admin:user_*", []],
  ["admin:users", []],
  ["admin:constructor", []],
  ["admin:", []],
  ["*:*", []],
  ["*", []],
  ["a*:user.*", []],
  ["default/admin:*", []],
])("%s names %j", (pattern, acts) => {
  expect([...actsNamed(pattern)].sort()).toEqual([...acts].sort());
});
