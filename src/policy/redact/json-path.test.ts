import { describe, expect, test } from "bun:test";
import { parseJsonPath } from "./json-path.ts";
import { redacted } from "./redaction.testing.ts";

describe("what a path names", () => {
  test.each([
    [
      "$.arguments.user.city",
      { user: { city: "[redacted]", name: "n" }, rows: [{ city: "b" }, { city: "c" }] },
    ],
    [
      "$..city",
      { user: { city: "[redacted]", name: "n" }, rows: [{ city: "[redacted]" }, { city: "[redacted]" }] },
    ],
    ["$.arguments.rows[1]", { user: { city: "a", name: "n" }, rows: [{ city: "b" }, "[redacted]"] }],
    [
      "$['arguments'].rows[*].city",
      { user: { city: "a", name: "n" }, rows: [{ city: "[redacted]" }, { city: "[redacted]" }] },
    ],
    ["$.*.user", { user: "[redacted]", rows: [{ city: "b" }, { city: "c" }] }],
    ["$.result.user", { user: { city: "a", name: "n" }, rows: [{ city: "b" }, { city: "c" }] }],
  ])("%s", (path, expected) => {
    const value = { user: { city: "a", name: "n" }, rows: [{ city: "b" }, { city: "c" }] };
    expect(redacted(value, "arguments", undefined, path)).toEqual(expected);
  });
  test("$.arguments is all of them", () =>
    expect(redacted({ a: 1 }, "arguments", undefined, "$.arguments")).toBe("[redacted]"));
  test("applies to JSON in a text", () =>
    expect(redacted('{"city":"x"}', "result", undefined, "$..city")).toBe('{"city":"[redacted]"}'));
  test.each([
    "",
    "$",
    "arguments.a",
    "$.",
    "$..",
    "$.a..",
    "$a",
    "$.a[",
    "$.a[-1]",
    "$.a[?(@.b)]",
    "$.a b",
    "$.[0]",
  ])("%p is none", (text) => expect(parseJsonPath(text)).toBeUndefined());
});
