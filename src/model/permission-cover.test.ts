import { expect, test } from "bun:test";
import { covers } from "./permission-cover.ts";

test.each([
  [["*"], "github:create_issue", true],
  [["*:*"], "github:*", true],
  [["github:*"], "github:create_*", true],
  [["github:*"], "github:resource:file://*", true],
  [["github:*"], "gitlab:create_issue", false],
  [["github:read_*"], "github:*", false],
  [["github:read_*"], "github:read_*", true],
  [["github:read_*"], "github:read_file", true],
  [["github:read_*"], "github:resource:read_*", false],
  [["github:r*"], "github:resource:x", false],
  [["*"], "github:extension:x/y", false],
  [["github:extension:*"], "github:extension:x/y", true],
  [["prod/github:*"], "github:read", false],
  [["prod/github:*"], "prod/github:read", true],
  [["github:*"], "prod/github:read", true],
  [[], "github:read", false],
])("%j covers %s: %p", (granted, wanted, expected) => {
  expect(covers(granted, wanted)).toBe(expected);
});
