import { describe, expect, test } from "bun:test";
import { ownMs } from "../../../test/fixtures/own-time.ts";
import type { Outcome } from "../../model/call.ts";
import { InProcessUpstream } from "../../model/ports/in-process-upstream.testing.ts";
import { keptLog, sampleExchange, sampleServer } from "../../model/sample-exchange.testing.ts";
import { parseMessage } from "../../protocol/json.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import { compileSchema } from "./schema-validator.ts";
import { validatePolicy } from "./validate.ts";

const ok: Outcome = { kind: "result", result: { content: [] }, exact: false };
const dialect2020 = "https://json-schema.org/draft/2020-12/schema";
const dialect07 = "http://json-schema.org/draft-07/schema#";

/** Runs calls of one tool through the policy and says what each came to: `called`, or what the model reads. */
function tool(inputSchema: unknown, validate: "enforce" | "report" | "off" = "enforce") {
  const log = keptLog();
  const policy = validatePolicy(log);
  const server = sampleServer("github", { validate });
  const definition = { name: "t", inputSchema } as JsonObject;
  const call = async (argumentsText: string | undefined) => {
    const body = argumentsText === undefined ? '{"name":"t"}' : `{"name":"t","arguments":${argumentsText}}`;
    const { value, exact } = parseMessage(body);
    const exchange = sampleExchange({ params: value, exact });
    exchange.target = {
      kind: "tool",
      server,
      upstream: new InProcessUpstream(server, {}),
      name: "t",
      definition,
      repeatable: false,
    };
    let called = false;
    const outcome = await policy(exchange, () => {
      called = true;
      return ok;
    });
    if (called) return "called";
    const { result } = outcome as unknown as { result: { isError: boolean; content: [{ text: string }] } };
    expect(result.isError).toBe(true);
    return result.content[0].text;
  };
  return { call, log };
}

describe("arguments", () => {
  const schema = {
    type: "object",
    properties: { count: { type: "integer", maximum: 10 }, name: { type: "string", minLength: 2 } },
    required: ["count"],
    additionalProperties: false,
  };
  test("that fit are called, those that do not are explained with their path", async () => {
    const { call } = tool(schema);
    expect(await call('{"count":3,"name":"ab"}')).toBe("called");
    expect(await call('{"count":3.0}')).toBe("called");
    expect(await call('{"count":"3"}')).toMatch(/arguments\.count must be integer/);
    expect(await call('{"count":11}')).toMatch(/arguments\.count/);
    expect(await call('{"name":"ab"}')).toMatch(/count/);
    expect(await call('{"count":1,"extra":1}')).toMatch(/extra/);
    expect(await call("[]")).toMatch(/object/);
  });

  test("that are absent count as empty", async () => {
    expect(await tool({ type: "object" }).call(undefined)).toBe("called");
    expect(await tool(schema).call(undefined)).toMatch(/count/);
  });

  test("many problems are told in few words", async () => {
    const required = Array.from({ length: 100 }, (_, i) => `member${i}`);
    const told = await tool({ type: "object", required }).call("{}");
    expect(told).toMatch(/and 95 more/);
    expect(told.length).toBeLessThan(1_000);
  });

  test("with numbers that only their source text keeps are judged by value, and stay as they were", async () => {
    const { call } = tool({ type: "object", properties: { n: { type: "integer", maximum: 10 } } });
    expect(await call('{"n":9007199254740993}')).toMatch(/arguments\.n/);
    expect(await call('{"n":1e1}')).toBe("called");
    expect(await call('{"n":1.5}')).toMatch(/integer/);
    const huge = tool({ type: "object", properties: { n: { type: "integer", minimum: 9 } } });
    expect(await huge.call('{"n":9007199254740993}')).toBe("called");
  });

  test("report lets them pass and says so, off does not look", async () => {
    const report = tool(schema, "report");
    expect(await report.call("{}")).toBe("called");
    expect(report.log.lines).toMatchObject([{ level: "warn", fields: { server: "github", tool: "t" } }]);
    const off = tool(schema, "off");
    expect(await off.call("{}")).toBe("called");
    expect(off.log.lines).toEqual([]);
  });
});

describe("dialects", () => {
  test("2020-12 by default and by name", async () => {
    const schema = { type: "object", properties: { a: { prefixItems: [{ type: "string" }], items: false } } };
    for (const one of [schema, { ...schema, $schema: dialect2020 }]) {
      expect(await tool(one).call('{"a":["x"]}')).toBe("called");
      expect(await tool(one).call('{"a":[1]}')).toMatch(/arguments\.a\.0 must be string/);
      expect(await tool(one).call('{"a":["x",2]}')).not.toBe("called");
    }
  });
  test("draft-07 where it says so: items is a tuple, definitions are found", async () => {
    const schema = {
      $schema: dialect07,
      type: "object",
      properties: { a: { items: [{ $ref: "#/definitions/s" }], additionalItems: false } },
      definitions: { s: { type: "string" } },
    };
    expect(await tool(schema).call('{"a":["x"]}')).toBe("called");
    expect(await tool(schema).call('{"a":[1]}')).toMatch(/string/);
    expect(await tool(schema).call('{"a":["x","y"]}')).not.toBe("called");
  });
  test("$defs, $anchor, $dynamicRef, if/then/else and unevaluatedProperties of 2020-12", async () => {
    const { call } = tool({
      $schema: dialect2020,
      $id: "https://example.test/one",
      type: "object",
      properties: { kind: { $ref: "#/$defs/kind" }, at: { $ref: "#here" } },
      if: { properties: { kind: { const: "b" } }, required: ["kind"] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of the schema
      then: { required: ["at"] },
      unevaluatedProperties: false,
      $defs: { kind: { enum: ["a", "b"] }, at: { $anchor: "here", type: "integer" } },
    });
    expect(await call('{"kind":"a"}')).toBe("called");
    expect(await call('{"kind":"b"}')).toMatch(/at/);
    expect(await call('{"kind":"b","at":1}')).toBe("called");
    expect(await call('{"kind":"c"}')).toMatch(/\["a","b"\]/);
    expect(await call('{"other":1}')).not.toBe("called");
  });
  test("two schemas with one $id do not meet", () => {
    const one = compileSchema({ $id: "https://x.test/s", type: "object", required: ["a"] });
    const two = compileSchema({ $id: "https://x.test/s", type: "object", required: ["b"] });
    expect([one.kind, two.kind]).toEqual(["ready", "ready"]);
    expect(one.kind === "ready" && one.check({ a: 1 })).toBe(undefined as never);
    expect(two.kind === "ready" && two.check({ a: 1 })).toMatch(/b/);
  });
  test("no schema reaches a part of another by name, nor stumbles over it", () => {
    const named = { type: "object", properties: { a: { $ref: "https://x.test/part" } } };
    const part = { $id: "https://x.test/part", type: "string" };
    const one = compileSchema({ ...named, $defs: { p: part } });
    const two = compileSchema(named);
    const three = compileSchema({ ...named, $defs: { q: { ...part, type: "integer" } } });
    expect([one.kind, two.kind, three.kind]).toEqual(["ready", "unusable", "ready"]);
    expect(one.kind === "ready" && one.check({ a: "x" })).toBe(undefined as never);
    expect(three.kind === "ready" && three.check({ a: "x" })).toMatch(/integer/);
    const anchored = (type: string) => ({
      type: "object",
      properties: { a: { $ref: "#here" } },
      $defs: { [type]: { $anchor: "here", type } },
    });
    const [text, number] = [compileSchema(anchored("string")), compileSchema(anchored("number"))];
    expect(text.kind === "ready" && text.check({ a: 1 })).toMatch(/string/);
    expect(number.kind === "ready" && number.check({ a: 1 })).toBe(undefined as never);
    expect(compileSchema({ type: "object", properties: { a: { $ref: "#here" } } }).kind).toBe("unusable");
  });
  test("formats are annotations", async () => {
    expect(await tool({ type: "object", properties: { d: { format: "date" } } }).call('{"d":"no"}')).toBe(
      "called",
    );
  });
});

describe("a schema that cannot be run is skipped and reported once", () => {
  test.each([
    ["another dialect", { $schema: "http://json-schema.org/draft-04/schema#", type: "object" }],
    [
      "a reference to another document",
      { type: "object", properties: { a: { $ref: "https://x.test/s.json" } } },
    ],
    ["a reference into nowhere", { type: "object", properties: { a: { $ref: "#/$defs/none" } } }],
    ["a pattern the linear engine lacks", { type: "object", properties: { a: { pattern: "(?=a)b" } } }],
    ["a back-reference", { type: "object", properties: { a: { pattern: "(a)\\1" } } }],
    ["a broken pattern", { type: "object", properties: { a: { pattern: "(" } } }],
    ["a keyword of the wrong type", { type: "object", properties: { a: { maximum: "x" } } }],
    ["a type that does not exist", { type: "objekt" }],
    ["no object", "schema"],
    ["nothing", undefined],
  ])("%s", async (_what, schema) => {
    const { call, log } = tool(schema);
    for (let i = 0; i < 3; i++) expect(await call('{"a":"x"}')).toBe("called");
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]?.fields).toMatchObject({ server: "github", tool: "t", reason: expect.any(String) });
  });
});

test("a thousand schemas take a fraction of a millisecond each, and keep their own patterns", () => {
  const schemaOf = (i: number) => ({
    type: "object",
    properties: { path: { type: "string", pattern: `^p${i}$` }, limit: { type: "integer", minimum: 1 } },
    required: ["path"],
    additionalProperties: false,
  });
  compileSchema(schemaOf(-1));
  const before = process.cpuUsage();
  const validators = Array.from({ length: 1_000 }, (_, i) => compileSchema(schemaOf(i)));
  // A compiler each took seven milliseconds; the rest is for slow machines.
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(5_000);
  for (const [i, validator] of validators.entries()) {
    expect(validator.kind === "ready" && validator.check({ path: `p${i}` })).toBe(undefined as never);
    expect(validator.kind === "ready" && validator.check({ path: `p${i + 1}` })).toMatch(/pattern/);
  }
});

describe("patterns run in linear time", () => {
  test.each([
    ["nested quantifiers", "^(a+)+$", `${"a".repeat(50_000)}!`],
    ["alternation", "^(a|a)*$", `${"a".repeat(50_000)}!`],
    ["overlapping classes", "^([a-z]+[a-z0-9]*)*$", `${"a".repeat(50_000)}!`],
    ["dots", "(.*)*x$", "a".repeat(20_000)],
  ])("%s", async (_what, pattern, text) => {
    const { call } = tool({ type: "object", properties: { a: { type: "string", pattern } } });
    const startedAt = ownMs();
    expect(await call(JSON.stringify({ a: text }))).toMatch(/pattern/);
    expect(ownMs() - startedAt).toBeLessThan(4_000);
  });
  test("also as patternProperties, and each pattern is its own", async () => {
    const { call } = tool({
      type: "object",
      patternProperties: { "^(a+)+$": { type: "string" }, "^b": { type: "number" } },
      additionalProperties: false,
    });
    expect(await call('{"aaa":"x","b1":1}')).toBe("called");
    expect(await call('{"b1":"x"}')).toMatch(/number/);
    expect(await call('{"aaa":1}')).toMatch(/string/);
    const startedAt = ownMs();
    expect(await call(JSON.stringify({ [`${"a".repeat(20_000)}!`]: 1 }))).not.toBe("called");
    expect(ownMs() - startedAt).toBeLessThan(4_000);
  });
  test("Unicode and the usual escapes mean what they mean in JavaScript", async () => {
    const { call } = tool({
      type: "object",
      properties: { a: { pattern: "^\\d{2}-\\w+$" }, b: { pattern: "^\\p{Lu}" }, c: { pattern: "\\u00e9$" } },
    });
    expect(await call('{"a":"12-ab","b":"Élan","c":"né"}')).toBe("called");
    expect(await call('{"a":"1-ab"}')).not.toBe("called");
    expect(await call('{"b":"élan"}')).not.toBe("called");
  });
});

describe("hostile schemas", () => {
  /** Each definition refers to the next one twice: 2^depth comparisons of one value. */
  const bomb = (depth: number, reference: (i: number) => string, over: (i: number) => JsonObject) => {
    const $defs: JsonObject = {};
    for (let i = 0; i < depth; i++) {
      $defs[`d${i}`] = { ...over(i), allOf: [{ $ref: reference(i + 1) }, { $ref: reference(i + 1) }] };
    }
    $defs[`d${depth}`] = { ...over(depth), type: "string" };
    return { type: "object", properties: { a: { $ref: reference(0) } }, $defs };
  };

  test.each([
    [
      "pointers",
      bomb(
        40,
        (i) => `#/$defs/d${i}`,
        () => ({}),
      ),
    ],
    [
      "escaped pointers",
      bomb(
        40,
        (i) => `#/%24defs/d${i}`,
        () => ({}),
      ),
    ],
    [
      "anchors",
      bomb(
        40,
        (i) => `#at${i}`,
        (i) => ({ $anchor: `at${i}` }),
      ),
    ],
  ])("references that multiply by %s are not run", async (_what, schema) => {
    const { call, log } = tool(schema);
    const startedAt = ownMs();
    expect(await call('{"a":1}')).toBe("called");
    expect(ownMs() - startedAt).toBeLessThan(1_000);
    expect(log.lines).toHaveLength(1);
  });

  test("a circle of references decides nothing and breaks nothing", async () => {
    const circle = {
      type: "object",
      allOf: [{ $ref: "#/$defs/a" }],
      $defs: { a: { allOf: [{ $ref: "#/$defs/a" }] } },
    };
    expect(await tool(circle).call("{}")).toBe("called");
  });

  test("but a tree that refers to itself is checked to its leaves", async () => {
    const tree = {
      type: "object",
      properties: { left: { $ref: "#" }, right: { $ref: "#" }, leaf: { type: "integer" } },
      additionalProperties: false,
    };
    expect(await tool(tree).call('{"left":{"right":{"leaf":1}}}')).toBe("called");
    expect(await tool(tree).call('{"left":{"right":{"leaf":"x"}}}')).toMatch(/left\.right\.leaf/);
  });
});
