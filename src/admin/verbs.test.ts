import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
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
