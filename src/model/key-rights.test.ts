import { describe, expect, test } from "bun:test";
import { rightsWithin } from "./key-rights.ts";
import type { Role } from "./principal.ts";

const key = (role: Role, permissions: readonly string[] = [], platformAdmin = false) => ({
  ...{ role, permissions, platformAdmin },
});
const owner = (role: Role, permissions: readonly string[] = [], platformAdmin = false) => ({
  ...{ role, permissions, platformAdmin, isActive: true },
});

describe("a key never exceeds its owner", () => {
  test("what the owner still has stays as it was given", () => {
    const given = key("user", ["files:read_*", "github:*"]);
    expect(rightsWithin(given, owner("user", ["files:*", "github:*"]))).toEqual(given);
    expect(rightsWithin(given, owner("admin"))).toEqual(given);
    expect(rightsWithin(key("admin", [], true), owner("user", [], true))?.platformAdmin).toBe(true);
  });

  test("patterns end where the owner's do, from either side", () => {
    const given = key("user", ["files:*", "github:create_issue", "mail:*"]);
    expect(rightsWithin(given, owner("user", ["files:read_*", "github:*"]))?.permissions).toEqual([
      "github:create_issue",
      "files:read_*",
    ]);
    expect(rightsWithin(given, owner("user"))?.permissions).toEqual([]);
  });

  test("a key that reached everything reaches what its owner reaches now", () => {
    expect(rightsWithin(key("admin", [], true), owner("user", ["files:*"]))).toEqual(
      key("user", ["files:*"]),
    );
    expect(rightsWithin(key("admin", ["a:*"], true), owner("admin"))).toEqual(key("admin", ["a:*"]));
  });

  test("the lesser role of the two, and none where neither is", () => {
    expect(rightsWithin(key("viewer"), owner("admin"))?.role).toBe("viewer");
    expect(rightsWithin(key("user"), owner("viewer"))?.role).toBe("viewer");
    expect(rightsWithin(key("viewer"), owner("api_user"))).toBeUndefined();
    expect(rightsWithin(key("api_user"), owner("viewer"))).toBeUndefined();
  });
});
