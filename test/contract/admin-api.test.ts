import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { clientSource } from "../../src/admin/documentation/client-source.ts";
import { adminRoutes } from "../../src/admin/routes.ts";

test("the client's types are those of the routes; `bun scripts/generate-client.mjs` makes them so", () => {
  const written = readFileSync(new URL("../../src/client/admin-api.ts", import.meta.url), "utf8");
  expect(clientSource(adminRoutes)).toBe(written);
});
