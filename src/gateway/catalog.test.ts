import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { suffixed } from "../model/naming.ts";
import { InProcessUpstream, listsOf, tool } from "../model/ports/in-process-upstream.testing.ts";
import { sampleNamespace, sampleServer } from "../model/sample-exchange.testing.ts";
import { parseMessage } from "../protocol/json.ts";
import { MergedCatalog } from "./catalog.ts";
import { compilePart } from "./catalog-part.ts";

function catalogOf(servers: Record<string, readonly string[]>, separator = "__"): MergedCatalog {
  const parts = Object.entries(servers).map(([name, tools]) => {
    const server = sampleServer(name);
    return compilePart(
      server,
      new InProcessUpstream(server, undefined),
      listsOf({ tools: tools.map((one) => tool(one)) }),
      separator,
    );
  });
  return new MergedCatalog(sampleNamespace(parts.map(({ server }) => server)), parts);
}
const wireNames = (catalog: MergedCatalog) => catalog.list("tools").map(({ wireName }) => wireName);

describe("names", () => {
  test("are ordered by server, then as the server lists them, however the parts came", () => {
    const one = catalogOf({ b: ["z", "a"], a: ["y"] });
    const two = catalogOf({ a: ["y"], b: ["z", "a"] });
    expect(wireNames(one)).toEqual(["a__y", "b__z", "b__a"]);
    expect(wireNames(two)).toEqual(wireNames(one));
  });

  test("that replacing characters made equal all get suffixes, the same in any order", () => {
    const names = wireNames(catalogOf({ s: ["a.b", "a/b", "c"] }));
    expect(names[2]).toBe("s__c");
    expect(new Set(names).size).toBe(3);
    expect(names.slice(0, 2)).toEqual([suffixed("s__a_b", "s", "a.b"), suffixed("s__a_b", "s", "a/b")]);
    expect(wireNames(catalogOf({ s: ["a/b", "c", "a.b"] })).sort()).toEqual(names.sort());
  });

  test("a tool that is called as another's suffixed name does not take it", () => {
    const taken = suffixed("s__a_b", "s", "a.b").slice("s__".length);
    const catalog = catalogOf({ s: ["a.b", "a/b", taken] });
    const names = wireNames(catalog);
    expect(new Set(names).size).toBe(3);
    for (const entry of catalog.list("tools")) expect(catalog.named("tools", entry.wireName)).toBe(entry);
  });

  test("a tool listed twice by its server is there once, and reported", () => {
    const catalog = catalogOf({ s: ["a", "a"] });
    expect(wireNames(catalog)).toEqual(["s__a"]);
    expect(catalog.clashes).toHaveLength(1);
  });

  test("no two tools of any servers share one, each leads back to its own tool, and printing keeps the definition", () => {
    const toolName = fc.oneof(
      fc.constantFrom("a", "a.b", "a_b", "a/b", "b__a", "__", "_", "x".repeat(70), `${"x".repeat(69)}y`),
      fc.string({ minLength: 1, maxLength: 6 }),
    );
    const servers = fc.dictionary(
      fc.stringMatching(/^[a-z0-9-]{1,4}$/),
      fc.array(toolName, { maxLength: 8 }),
      {
        maxKeys: 4,
      },
    );
    fc.assert(
      fc.property(servers, fc.constantFrom("__", "_", "-", "."), (offered, separator) => {
        const catalog = catalogOf(offered, separator);
        const entries = catalog.list("tools");
        const distinct = Object.entries(offered).flatMap(([server, tools]) =>
          [...new Set(tools)].map((name) => `${server}:${name}`),
        );
        expect(entries.map(({ server, name }) => `${server.name}:${name}`).sort()).toEqual(distinct.sort());
        expect(new Set(entries.map(({ wireName }) => wireName)).size).toBe(entries.length);
        for (const entry of entries) {
          expect(entry.wireName.length).toBeLessThanOrEqual(64);
          expect(catalog.named("tools", entry.wireName)).toBe(entry);
          expect(JSON.parse(entry.json)).toEqual({ ...entry.definition, name: entry.wireName });
        }
      }),
      { numRuns: 500 },
    );
  });

  test("server:tool is always understood, a bare name where it is the only one", () => {
    const catalog = catalogOf({ a: ["x", "y:z"], b: ["x", "w"] });
    expect(catalog.named("tools", "a:x")?.server.name).toBe("a");
    expect(catalog.named("tools", "a:y:z")?.name).toBe("y:z");
    expect(catalog.named("tools", "x")).toBeUndefined();
    expect(catalog.bare("tools", "x").map(({ server }) => server.name)).toEqual(["a", "b"]);
    expect(catalog.bare("tools", "w")).toHaveLength(1);
    expect(catalog.bare("tools", "__proto__")).toEqual([]);
  });
});

test("a URI that two servers list belongs to the first by name, and the clash is reported", () => {
  const part = (name: string) => {
    const server = sampleServer(name);
    const lists = listsOf({
      resources: [
        { uri: "x://1", name },
        { uri: `x://${name}`, name },
      ],
    });
    return compilePart(server, new InProcessUpstream(server, undefined), lists, "__");
  };
  const catalog = new MergedCatalog(sampleNamespace([]), [part("b"), part("a")]);
  expect(catalog.resource("x://1")?.server.name).toBe("a");
  expect(catalog.list("resources").map(({ name }) => name)).toEqual(["x://1", "x://a", "x://b"]);
  expect(catalog.part("id-of-b")?.entries.resources).toHaveLength(2);
  expect(catalog.clashes).toEqual([{ list: "resources", name: "x://1", servers: ["a", "b"] }]);
});

test("a definition is listed as its server wrote it: unknown members, key order, 64-bit numbers", () => {
  const text =
    '{"x-before":1.0,"name":"t","inputSchema":{"$schema":"https://json-schema.org/draft/2020-12/schema",' +
    '"properties":{"2":{"maximum":9223372036854775807},"1":{}},"type":"object"},"_meta":{"a":[]}}';
  const server = sampleServer("s");
  const lists = listsOf({ tools: [parseMessage(text).value] });
  const catalog = new MergedCatalog(sampleNamespace([server]), [
    compilePart(server, new InProcessUpstream(server, undefined), lists, "__"),
  ]);
  const [entry] = catalog.list("tools");
  expect(entry?.bareJson).toBe(text);
  expect(entry?.json).toBe(text.replace('"name":"t"', '"name":"s__t"'));
});

test("filters hide tools, prompts and resources, and resources by URI where a template would reach them", () => {
  const server = sampleServer("s", {
    expose: {
      tools: { include: ["get_*"], exclude: ["get_secret*"] },
      prompts: { include: [], exclude: ["p2"] },
      resources: { include: ["file:///public/*", "note://{id}"], exclude: ["*secret*"] },
    },
  });
  const lists = listsOf({
    tools: [tool("get_a"), tool("get_secret_b"), tool("set_a")],
    prompts: [{ name: "p1" }, { name: "p2" }],
    resources: [{ uri: "file:///public/a" }, { uri: "file:///private/a" }, { uri: "file:///public/secret" }],
    resourceTemplates: [{ uriTemplate: "note://{id}" }, { uriTemplate: "file:///{+path}" }],
  });
  const part = compilePart(server, new InProcessUpstream(server, undefined), lists, "__");
  const names = Object.values(part.entries).map((entries) => entries.map(({ name }) => name));
  expect(names).toEqual([["get_a"], ["p1"], ["file:///public/a"], ["note://{id}"]]);
  expect(["file:///public/b", "note://7"].map((uri) => part.exposesResource(uri))).toEqual([true, true]);
  expect(
    ["file:///private/a", "file:///public/secret", "note://secret"].map((uri) => part.exposesResource(uri)),
  ).toEqual([false, false, false]);
});

test("a tool may run twice where the operator says so, or where its server is trusted and says so", () => {
  const repeatable = (retry: { safeTools: string[]; trustAnnotations: boolean }) => {
    const server = sampleServer("s", { retry });
    const lists = listsOf({
      tools: [
        tool("safe_a"),
        tool("b", { annotations: { readOnlyHint: true } }),
        tool("c", { annotations: { idempotentHint: true } }),
        tool("d"),
      ],
    });
    return compilePart(server, new InProcessUpstream(server, undefined), lists, "__")
      .entries.tools.filter((entry) => entry.repeatable)
      .map(({ name }) => name);
  };
  expect(repeatable({ safeTools: ["safe_*"], trustAnnotations: false })).toEqual(["safe_a"]);
  expect(repeatable({ safeTools: [], trustAnnotations: true })).toEqual(["b", "c"]);
});
