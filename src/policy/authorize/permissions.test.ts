import { describe, expect, test } from "bun:test";
import { samplePrincipal } from "../../model/sample-exchange.testing.ts";
import { PermissionCache } from "./permission-cache.ts";
import { compilePermissions } from "./permissions.ts";

/** tool, prompt, resource, extension, server: what one pattern opens of `github` in the namespace `default`. */
const rights = (
  patterns: readonly string[],
  over: Parameters<typeof samplePrincipal>[0] = {},
  namespace = "default",
) => {
  const granted = compilePermissions(samplePrincipal({ permissions: patterns, ...over }), namespace);
  return [
    granted.tool("github", "create_issue") && "tool",
    granted.prompt("github", "create_issue") && "prompt",
    granted.resource("github", "repo://a/b") && "resource",
    granted.extension("github", "acme/run") && "extension",
    granted.server("github") && "server",
  ]
    .filter(Boolean)
    .join(" ");
};

describe("what a pattern opens", () => {
  test.each([
    ["*", "tool prompt resource server"],
    ["*:*", "tool prompt resource server"],
    ["github:*", "tool prompt resource server"],
    ["git*:*", "tool prompt resource server"],
    ["github:create_issue", "tool server"],
    ["github:create_*", "tool server"],
    ["*:create_issue", "tool server"],
    ["github:resource:repo://*", "resource server"],
    ["github:resource:repo://a/b", "resource server"],
    ["github:resource:other://*", "server"],
    ["github:prompt:create_issue", "prompt server"],
    ["github:prompt:*", "prompt server"],
    ["github:extension:acme/run", "extension server"],
    ["github:extension:acme/*", "extension server"],
    ["*:extension:*", "extension server"],
    ["default/github:*", "tool prompt resource server"],
    ["*/github:create_issue", "tool server"],
    ["default/*", "tool prompt resource server"],
    ["other/github:*", ""],
    ["other/*", ""],
    ["defaul/github:*", ""],
    ["gitlab:*", ""],
    ["github", ""],
    ["git*", ""],
    ["github:", "server"],
    [":*", ""],
    ["", ""],
    ["github:create_issue2", "server"],
    ["GITHUB:*", ""],
    ["github.*", ""],
  ])("%s: %p", (pattern, expected) => {
    expect(rights([pattern])).toBe(expected);
  });

  test("none opens nothing, several open their union", () => {
    expect(rights([])).toBe("");
    expect(rights(["github:prompt:*", "github:create_issue"])).toBe("tool prompt server");
  });

  test("a permission of one kind opens nothing of another whose name looks like it", () => {
    const granted = compilePermissions(
      samplePrincipal({ permissions: ["github:prompt:x", "github:resource:y", "github:extension:z"] }),
      "default",
    );
    for (const name of ["prompt:x", "resource:y", "extension:z"])
      expect(granted.tool("github", name)).toBe(false);
  });

  test("a tool's name may hold colons, a URI slashes", () => {
    const granted = compilePermissions(
      samplePrincipal({ permissions: ["s:a:b", "s:resource:file:///x/*"] }),
      "default",
    );
    expect([granted.tool("s", "a:b"), granted.tool("s", "a")]).toEqual([true, false]);
    expect([granted.resource("s", "file:///x/y"), granted.resource("s", "file:///y")]).toEqual([true, false]);
  });
});

describe("roles", () => {
  test.each([
    ["user", "tool prompt resource server"],
    ["api_user", "tool prompt resource server"],
    ["viewer", "prompt resource server"],
    ["admin", "tool prompt resource extension server"],
  ] as const)("%s with *", (role, expected) => {
    expect(rights(["*"], { role })).toBe(expected);
  });
  test("an administrator needs no pattern; a viewer gets no tool and no extension by any", () => {
    expect(rights([], { role: "admin" })).toBe("tool prompt resource extension server");
    expect(rights([], { role: "viewer", platformAdmin: true })).toBe("tool prompt resource extension server");
    expect(rights(["github:create_issue", "github:extension:*"], { role: "viewer" })).toBe("server");
  });
});

test("principals with the same key share compiled permissions, in each namespace its own", () => {
  const cache = new PermissionCache();
  const permissions = ["default/github:*"];
  const one = cache.of(samplePrincipal({ id: "key:1", permissions }), "default");
  expect(cache.of(samplePrincipal({ id: "key:2", permissions }), "default")).toBe(one);
  const elsewhere = cache.of(samplePrincipal({ permissions }), "other");
  expect([one.server("github"), elsewhere.server("github")]).toEqual([true, false]);
  const viewer = cache.of(samplePrincipal({ permissions, role: "viewer" }), "default");
  expect(viewer.tool("github", "x")).toBe(false);
});
