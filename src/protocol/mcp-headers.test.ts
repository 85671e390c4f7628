import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseMessage } from "./json.ts";
import type { JsonObject } from "./json-value.ts";
import {
  decodeHeaderValue,
  encodeHeaderValue,
  paramHeaderMismatch,
  paramHeaders,
  validateHeaderAnnotations,
} from "./mcp-headers.ts";

const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary-ascii" }),
  fc.constantFrom(
    "",
    " ",
    "a ",
    "\ta",
    "a\r\nX: y",
    "=?base64??=",
    "=?base64?aGk=?=",
    "=?base64?",
    "?=",
    "=?base64?=",
  ),
);

describe("header values", () => {
  test("what is encoded decodes to itself and is always one safe header value", () => {
    fc.assert(
      fc.property(text, (value) => {
        const encoded = encodeHeaderValue(value);
        expect(encoded).toMatch(/^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/);
        expect(decodeHeaderValue(encoded)).toBe(value);
      }),
      { numRuns: 2000 },
    );
  });

  test("plain values travel as they are", () => {
    for (const plain of ["us-west1", "a b", "", "100%", "=?x", "file:///a?b=c"])
      expect(encodeHeaderValue(plain)).toBe(plain);
    expect(encodeHeaderValue("=?base64?literal?=")).toBe("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=");
  });

  test("wrappings that are not canonical are refused", () => {
    for (const bad of [
      "=?base64?a?=",
      "=?base64?aGk?=",
      "=?base64?aGl=?=",
      "=?base64?a b=?=",
      "=?base64?/w==?=",
    ])
      expect(decodeHeaderValue(bad)).toBeUndefined();
  });
});

const schema = (properties: JsonObject): JsonObject => ({ type: "object", properties });

describe("annotations", () => {
  const invalid: Record<string, JsonObject> = {
    empty: schema({ a: { type: "string", "x-mcp-header": "" } }),
    "not a string": schema({ a: { type: "string", "x-mcp-header": 1 } }),
    number: schema({ a: { type: "number", "x-mcp-header": "A" } }),
    object: schema({ a: { type: "object", "x-mcp-header": "A" } }),
    array: schema({ a: { type: "array", "x-mcp-header": "A" } }),
    null: schema({ a: { type: "null", "x-mcp-header": "A" } }),
    untyped: schema({ a: { "x-mcp-header": "A" } }),
    space: schema({ a: { type: "string", "x-mcp-header": "My Region" } }),
    colon: schema({ a: { type: "string", "x-mcp-header": "A:B" } }),
    "line break": schema({ a: { type: "string", "x-mcp-header": "A\r\nB" } }),
    "not ASCII": schema({ a: { type: "string", "x-mcp-header": "Région" } }),
    "twice, other case": schema({
      a: { type: "string", "x-mcp-header": "Region" },
      b: { type: "string", "x-mcp-header": "region" },
    }),
    "at the root": { type: "object", "x-mcp-header": "A" },
    "under items": schema({ a: { type: "array", items: { type: "string", "x-mcp-header": "A" } } }),
    "under prefixItems": schema({
      a: { type: "array", prefixItems: [{ type: "string", "x-mcp-header": "A" }] },
    }),
    "under oneOf": schema({ a: { oneOf: [{ type: "string", "x-mcp-header": "A" }] } }),
    "under $defs": { ...schema({}), $defs: { x: { type: "string", "x-mcp-header": "A" } } },
    "under additionalProperties": {
      type: "object",
      additionalProperties: { type: "string", "x-mcp-header": "A" },
    },
  };
  for (const [name, inputSchema] of Object.entries(invalid)) {
    test(`refused: ${name}`, () => expect(validateHeaderAnnotations(inputSchema).valid).toBe(false));
  }

  test("a property that is merely called x-mcp-header is no annotation", () => {
    expect(validateHeaderAnnotations(schema({ "x-mcp-header": { type: "number" } }))).toEqual({
      valid: true,
      headers: [],
    });
  });

  test("a schema nested without end is refused, not walked", () => {
    let deep: JsonObject = { type: "string" };
    for (let i = 0; i < 20_000; i++) deep = { items: deep };
    expect(validateHeaderAnnotations(deep).valid).toBe(false);
  });
});

describe("mirroring", () => {
  const inputSchema = schema({
    region: { type: "string", "x-mcp-header": "Region" },
    count: { type: "integer", "x-mcp-header": "Count" },
    nested: schema({ flag: { type: "boolean", "x-mcp-header": "Flag" } }),
    other: { type: "string" },
  });

  test("absent, null and structured arguments have no header", () => {
    expect(paramHeaders(inputSchema, { region: null, count: {}, other: "x" })).toEqual([]);
    expect(paramHeaders(inputSchema, undefined)).toEqual([]);
    expect(paramHeaders(inputSchema, { count: 2 ** 53 })).toEqual([]);
  });

  test("nested arguments are found and every value is encoded", () => {
    expect(paramHeaders(inputSchema, { region: "Zürich", count: -0, nested: { flag: false } })).toEqual([
      ["Mcp-Param-Region", "=?base64?WsO8cmljaA==?="],
      ["Mcp-Param-Count", "0"],
      ["Mcp-Param-Flag", "false"],
    ]);
  });

  test("numbers of the source-text path are mirrored where they are safe integers", () => {
    const { value } = parseMessage('{"params":{"count":42.0,"region":"a"}}');
    expect(paramHeaders(inputSchema, value.params)).toEqual([
      ["Mcp-Param-Region", "a"],
      ["Mcp-Param-Count", "42"],
    ]);
    const huge = parseMessage('{"params":{"count":9223372036854775807}}');
    expect(paramHeaders(inputSchema, huge.value.params)).toEqual([]);
  });

  test("what is sent is what the check accepts, and nothing else", () => {
    fc.assert(
      fc.property(text, fc.maxSafeInteger(), fc.boolean(), (region, count, flag) => {
        const args = { region, count, nested: { flag } };
        const headers = new Headers(paramHeaders(inputSchema, args).map(([name, value]) => [name, value]));
        expect(paramHeaderMismatch(inputSchema, args, headers)).toBeUndefined();
        const other = { ...args, count: count === 0 ? 1 : -count };
        expect(paramHeaderMismatch(inputSchema, other, headers)).toBeDefined();
        headers.delete("Mcp-Param-Region");
        expect(paramHeaderMismatch(inputSchema, args, headers)).toContain("missing");
      }),
    );
    expect(paramHeaderMismatch(inputSchema, { count: 42 }, { get: () => " 42.0 " })).toBeUndefined();
    expect(paramHeaderMismatch(inputSchema, { region: "a" }, { get: () => "=?base64?YQ?=" })).toContain(
      "encoded",
    );
  });
});
