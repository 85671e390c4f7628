import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../protocol/json-value.ts";
import { redacted } from "./redaction.testing.ts";

describe("what a schema marks", () => {
  const schema: JsonObject = {
    type: "object",
    properties: {
      phrase: { type: "string", format: "password" },
      code: { type: "integer", writeOnly: true },
      rows: { type: "array", items: { $ref: "#/$defs/row" } },
      pair: { prefixItems: [{}, { "x-secret": true }] },
    },
    patternProperties: { "^priv_": { "x-mcp-sensitive": true } },
    additionalProperties: { anyOf: [{ type: "string" }, { properties: { deep: { format: "password" } } }] },
    $defs: { row: { properties: { iban: { writeOnly: true }, next: { $ref: "#/$defs/row" } } } },
  };
  test("at any depth, by reference, alternative, pattern and place", () => {
    expect(
      redacted(
        {
          phrase: "correct horse",
          code: 99,
          rows: [{ iban: "DE00", id: 1, next: { iban: "DE01" } }],
          pair: ["a", "b"],
          priv_x: "p",
          other: { deep: "d", shallow: "s" },
        },
        "arguments",
        schema,
      ),
    ).toEqual({
      phrase: "[redacted]",
      code: "[redacted]",
      rows: [{ iban: "[redacted]", id: 1, next: { iban: "[redacted]" } }],
      pair: ["a", "[redacted]"],
      priv_x: "[redacted]",
      other: { deep: "[redacted]", shallow: "s" },
    });
  });
  test.each(["^(a|aa)+$", "a*b*c", "("])(
    "a pattern that may be slow or is none counts as matching: %s",
    (pattern) => {
      const slow: JsonObject = { patternProperties: { [pattern]: { writeOnly: true } } };
      expect(redacted({ ["a".repeat(200)]: "x" }, "arguments", slow)).toEqual({
        ["a".repeat(200)]: "[redacted]",
      });
    },
  );
  test("references in a circle end", () => {
    const circle: JsonObject = {
      $ref: "#/$defs/a",
      $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" }, c: { writeOnly: true } },
    };
    expect(redacted({ a: 1 }, "arguments", circle)).toEqual({ a: 1 });
  });
});
