import { describe, expect, test } from "bun:test";
import Ajv from "ajv";
import Ajv2020 from "ajv/dist/2020.js";
import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import { isPlainMatch, plainSchema } from "./plain-schema.ts";

function matcher(schema: JsonObject) {
  const plain = plainSchema(schema);
  return plain && ((value: JsonValue) => isPlainMatch(plain, value));
}

const names = fc.constantFrom("a", "b", "c", "dé", "toString", "__proto__");
const scalars = fc.oneof(
  fc.constantFrom("", "x", "xy", "𝒳", "𝒳y", "é", null, true, false),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(0.5, -1.5, 1e300, -0, 2 ** 53),
);
const { value: values } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalars,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(names, tie("value"), { maxKeys: 3 }),
  ) as fc.Arbitrary<JsonValue>,
}));

const types = fc.constantFrom("string", "number", "integer", "object", "array", "boolean", "null");
const counts = fc.integer({ min: 0, max: 3 });
const bounds = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.constantFrom(0.5, 1e300));
/** A few of the keywords, whether they belong together or not; some are beyond what is plain. */
const { schema: schemas } = fc.letrec<{ schema: JsonObject | boolean }>((tie) => {
  const keywords = {
    type: fc.oneof(types, fc.uniqueArray(types, { minLength: 1, maxLength: 3 })),
    const: scalars,
    enum: fc.array(scalars, { minLength: 1, maxLength: 3 }),
    anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }),
    minLength: counts,
    maxLength: counts,
    minimum: bounds,
    maximum: bounds,
    minItems: counts,
    maxItems: counts,
    items: tie("schema"),
    properties: fc.dictionary(names, tie("schema"), { maxKeys: 3 }),
    required: fc.uniqueArray(names, { maxLength: 2 }),
    additionalProperties: tie("schema"),
    description: fc.constant("says something"),
    format: fc.constant("date"),
    multipleOf: fc.constant(2),
  };
  const some = fc
    .subarray(Object.entries<fc.Arbitrary<unknown>>(keywords), { minLength: 1, maxLength: 4 })
    .chain((chosen) => fc.record(Object.fromEntries(chosen)));
  return {
    schema: fc.oneof(
      { maxDepth: 3 },
      { weight: 1, arbitrary: fc.boolean() },
      { weight: 6, arbitrary: some },
    ) as fc.Arbitrary<JsonObject | boolean>,
  };
});

test("whatever the schema and the value, a yes is one of the full validator's too", () => {
  const options = { strict: false, validateFormats: false, logger: false } as const;
  const dialects = [new Ajv2020(options), new Ajv(options)];
  let plain = 0;
  let yes = 0;
  fc.assert(
    fc.property(schemas, fc.array(values, { minLength: 8, maxLength: 16 }), (schema, several) => {
      if (typeof schema === "boolean") return;
      const isMatch = matcher(schema);
      if (isMatch === undefined) return;
      plain++;
      const full = dialects.map((ajv) => ajv.compile(schema));
      for (const value of several) {
        if (!isMatch(value)) continue;
        yes++;
        expect(full.map((validate) => validate(value))).toEqual([true, true]);
      }
      for (const ajv of dialects) ajv.removeSchema(schema);
    }),
    { numRuns: 3_000 },
  );
  // It would prove nothing where there was nothing to say yes to.
  expect(plain).toBeGreaterThan(300);
  expect(yes).toBeGreaterThan(300);
});

describe("what tools' schemas are made of is plain", () => {
  const schema: JsonObject = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    title: "Arguments",
    properties: {
      path: { type: "string", minLength: 1, maxLength: 5, description: "Where" },
      count: { type: "integer", minimum: 1, maximum: 10, default: 5 },
      rate: { type: "number" },
      sort: { type: "string", enum: ["up", "down"] },
      tags: { type: "array", items: { type: "string" }, minItems: 1, maxItems: 2 },
      owner: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
      kind: { const: "file" },
      extra: { type: ["object", "boolean"], additionalProperties: { type: "integer" } },
    },
    required: ["path"],
    additionalProperties: false,
  };
  test.each<[JsonValue, boolean]>([
    [{ path: "x" }, true],
    [{ path: "𝒳𝒳" }, true],
    [{ path: "x", count: 3.0, rate: 0.5, sort: "up", tags: ["a"], owner: null, kind: "file" }, true],
    [{ path: "x", extra: { a: 1 } }, true],
    [{ path: "x", extra: true, owner: "me" }, true],
    [{}, false],
    [[], false],
    ["path", false],
    [{ path: "" }, false],
    [{ path: "abcdef" }, false],
    [{ path: "x", count: 1.5 }, false],
    [{ path: "x", count: 0 }, false],
    [{ path: "x", count: "3" }, false],
    [{ path: "x", rate: Number.POSITIVE_INFINITY }, false],
    [{ path: "x", sort: "left" }, false],
    [{ path: "x", tags: [] }, false],
    [{ path: "x", tags: ["a", 1] }, false],
    [{ path: "x", tags: ["a", "b", "c"] }, false],
    [{ path: "x", owner: 1 }, false],
    [{ path: "x", kind: "folder" }, false],
    [{ path: "x", extra: { a: 1.5 } }, false],
    [{ path: "x", other: 1 }, false],
  ])("%j: %p", (value, expected) => {
    expect(matcher(schema)?.(value)).toBe(expected);
  });
});

test("half as many characters as units: a least length is of characters", () => {
  const isMatch = matcher({ minLength: 2 });
  expect(isMatch?.("𝒳")).toBe(false);
  expect(isMatch?.("𝒳𝒳")).toBe(true);
  expect(isMatch?.("ab")).toBe(true);
  expect(isMatch?.("a")).toBe(false);
});

test.each<[string, JsonObject]>([
  ["a pattern", { pattern: "^a" }],
  ["a reference", { $ref: "#/$defs/a", $defs: { a: {} } }],
  ["a keyword of Ajv's own", { type: "string", nullable: true }],
  ["a limit of the wrong type", { maxLength: "3" }],
  ["a negative length", { maxLength: -1 }],
  ["a type that does not exist", { type: "objekt" }],
  ["a type of every object", { type: "valueOf" }],
  ["a type given twice", { type: ["string", "string"] }],
  ["a description that is no text", { description: 3 }],
  ["an enumeration of objects", { enum: [{ a: 1 }] }],
  ["a member every object has", { properties: { constructor: {} } }],
  ["a schema that nothing matches, as items", { items: false }],
  ["a mistake far down", { properties: { a: { items: { properties: { b: { type: 1 } } } } } }],
])("%s is for the full validator", (_what, schema) => {
  expect(plainSchema(schema)).toBeUndefined();
});

test("neither is a schema of more than anybody's members", () => {
  const wide = (count: number) => ({
    properties: Object.fromEntries(Array.from({ length: count }, (_, n) => [`m${n}`, { type: "string" }])),
  });
  expect(plainSchema(wide(9_999))).toBeDefined();
  expect(plainSchema(wide(10_000))).toBeUndefined();
  const anything = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`m${n}`, true]));
  expect(plainSchema({ properties: anything })).toBeUndefined();
});

test("neither is a schema deeper than anybody's", () => {
  let schema: JsonObject = { type: "string" };
  for (let depth = 0; depth < 10_000; depth++) schema = { items: schema };
  expect(plainSchema(schema)).toBeUndefined();
});
