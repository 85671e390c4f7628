import { expect, test } from "bun:test";
import { NO_CLAIM_MAPPING } from "../../model/claim-mapping.ts";
import { claimedRights, valueAt } from "./claims.ts";

test("a claim is found by its name first, then by the longest names on the way", () => {
  const claims = {
    "https://acme.example/roles": ["a"],
    realm_access: { roles: ["b"] },
    resource_access: { "my.client": { roles: ["c"] }, my: { client: { roles: ["d"] } } },
    "realm.odd": 1,
  };
  expect(valueAt(claims, "https://acme.example/roles")).toEqual(["a"]);
  expect(valueAt(claims, "realm_access.roles")).toEqual(["b"]);
  expect(valueAt(claims, "resource_access.my.client.roles")).toEqual(["c"]);
  for (const name of [
    "",
    ".",
    "realm_access.",
    "realm_access.roles.0x",
    "realm.odd.x",
    "__proto__",
    "a.constructor",
  ])
    expect([name, valueAt(claims, name)]).toEqual([name, undefined]);
});

test("claims of other kinds than text permit nothing, and names of an object's own kind neither", () => {
  const token = { groupClaims: ["groups"], scopeClaims: ["scope", "scp"], permissions: [] };
  const mapping = {
    ...NO_CLAIM_MAPPING,
    mappings: { "groups:Admin": ["s"] },
    permissions: { "x:*": ["s"], "y:*": [], "admin:user.*": ["s"], "admin:*": [] },
  };
  const rights = (claims: Record<string, unknown>) => claimedRights({ ...token, claims }, mapping);
  expect(rights({ groups: ["Admin", 1, null], scp: "a b" })).toEqual({
    ...{ groups: ["Admin"], scopes: ["a", "b", "s"], granted: ["x:*"], acts: ["admin:user.*"] },
  });
  for (const groups of [1, null, { Admin: true }, [["Admin"]], "toString", ["__proto__"]])
    expect(rights({ groups }).granted).toEqual([]);
  expect(
    claimedRights({ ...token, claims: { scope: "s" } }, { ...mapping, scopeMode: "all" }).granted,
  ).toEqual(["x:*"]);
});
