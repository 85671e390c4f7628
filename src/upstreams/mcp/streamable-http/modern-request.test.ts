import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { UpstreamCall } from "../../../model/call.ts";
import type { JsonObject, JsonValue } from "../../../protocol/json-value.ts";
import { systemCall } from "../system-call.ts";
import { HeaderBlocks, mirroredHeaders, RepeatedObject } from "./modern-request.ts";

test("an object's JSON is its own, whatever the one before said", () => {
  const members = fc.dictionary(
    fc.constantFrom("name", "version", "title"),
    fc.constantFrom("a", "b", 1, {}),
    {
      maxKeys: 3,
    },
  );
  fc.assert(
    fc.property(fc.array(members, { maxLength: 12 }), (objects) => {
      const repeated = new RepeatedObject();
      for (const object of objects) {
        const made = JSON.parse(JSON.stringify(object)) as JsonObject;
        expect(repeated.textOf(made)).toBe(JSON.stringify(made));
        expect(repeated.textOf({ ...made })).toBe(JSON.stringify(made));
      }
    }),
  );
});

describe("the header block of a call", () => {
  const annotated: JsonObject = {
    type: "object",
    properties: { region: { type: "string", "x-mcp-header": "Region" } },
  };
  const callOf = (method: string, params: JsonObject, inputSchema?: JsonObject): UpstreamCall => ({
    ...systemCall(method, params, {}, 1_000),
    inputSchema,
  });

  test("is what the call mirrors, whichever calls came before", () => {
    const calls = fc.record({
      method: fc.constantFrom("tools/call", "prompts/get", "resources/read", "tools/list"),
      name: fc.constantFrom<JsonValue>("a", "b", "zoë", 7),
      region: fc.constantFrom("eu", "us"),
      mirrors: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(calls, { maxLength: 12 }), (made) => {
        const blocks = new HeaderBlocks("x: y\r\n");
        for (const { method, name, region, mirrors } of made) {
          const params = { name, uri: "file:///a", arguments: { region } };
          const call = callOf(method, params, mirrors ? annotated : { type: "object" });
          expect(blocks.of(call)).toBe(`x: y\r\n${mirroredHeaders(call)}`);
        }
      }),
    );
  });

  test("of a tool that no longer mirrors an argument is without it, and the other way round", () => {
    const blocks = new HeaderBlocks("");
    const params = { name: "a", arguments: { region: "eu" } };
    const plain = blocks.of(callOf("tools/call", params));
    const mirroring = blocks.of(callOf("tools/call", params, annotated));
    expect(mirroring).toBe(`${plain}Mcp-Param-Region: eu\r\n`);
    expect(blocks.of(callOf("tools/call", params))).toBe(plain);
  });
});
