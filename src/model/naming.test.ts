import { expect, test } from "bun:test";
import fc from "fast-check";
import { suffixed, WIRE_NAME_LENGTH_MAX, wireName } from "./naming.ts";

test.each([
  ["github", "create_issue", "__", "github__create_issue"],
  ["github", "issues/create.v2", "__", "github__issues_create_v2"],
  ["github", "größe", "__", "github__gr__e"],
  ["github", "a", ".", "github.a"],
])("%s %s", (server, own, separator, wire) => {
  expect(wireName(server, own, separator)).toBe(wire);
});

test("any tool gets a name that every client takes, the same each time, and long names that differ stay different", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 300, unit: "binary" }),
      fc.string({ minLength: 1 }),
      (own, end) => {
        const name = wireName("server-1", own, "__");
        expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        expect(wireName("server-1", own, "__")).toBe(name);
        const long = "x".repeat(80);
        if (end !== own) expect(wireName("s", long + own, "__")).not.toBe(wireName("s", long + end, "__"));
      },
    ),
    { numRuns: 500 },
  );
});

test("suffixes stay within the length, whatever their digits", () => {
  for (const digits of [8, 16, 32, 56]) {
    expect(suffixed("p".repeat(64), "s", "t", digits)).toHaveLength(WIRE_NAME_LENGTH_MAX);
  }
});
