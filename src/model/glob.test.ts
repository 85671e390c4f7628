import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ownMs } from "../../test/fixtures/own-time.ts";
import { compileGlob, compileUriTemplate } from "./glob.ts";

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
/** Few characters, so that patterns and texts meet. */
const few = fc
  .array(fc.constantFrom("a", "b", ":", ".", "*", "/", "\n"), { maxLength: 9 })
  .map((c) => c.join(""));

describe("globs", () => {
  test("match what the regular expression of the same pattern matches", () => {
    fc.assert(
      fc.property(few, few, (pattern, text) => {
        const reference = new RegExp(`^${pattern.split("*").map(escaped).join("[^]*")}$`);
        expect(compileGlob(pattern)(text)).toBe(reference.test(text));
      }),
      { numRuns: 5_000 },
    );
  });

  test.each([
    ["github:*", "github:create_issue", true],
    ["github:*", "gitlab:create_issue", false],
    ["*_issue", "create_issue", true],
    ["a*a", "a", false],
    ["*a*b*", "ba", false],
    ["[a-z]+", "abc", false],
    ["", "", true],
    ["**", "", true],
  ])("%p over %p: %p", (pattern, text, matches) => {
    expect(compileGlob(pattern)(text)).toBe(matches);
  });

  test("hostile patterns cost linear time", () => {
    const matches = compileGlob(`${"*a".repeat(2_000)}*b`);
    const text = "a".repeat(200_000);
    const startedAt = ownMs();
    for (let i = 0; i < 20; i++) expect(matches(text)).toBe(false);
    expect(ownMs() - startedAt).toBeLessThan(1_000);
  });
});

describe("URI templates", () => {
  const part = fc.oneof(
    fc.constantFrom("a", "/", "x:", ".", "?", "{", "}"),
    fc.constantFrom("{v}", "{+v}", "{/v}", "{?v}", "{v*}", "{#v}", "{.v}", "{a,b}"),
  );
  const template = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));
  const uri = fc
    .array(fc.constantFrom("a", "/", "x:", ".", "?", "{", "}", "v", "ü"), { maxLength: 10 })
    .map((c) => c.join(""));

  test("match what the regular expression of the same template matches", () => {
    fc.assert(
      fc.property(template, uri, (source, text) => {
        let pattern = "";
        let rest = source;
        for (let found = /\{([^}]*)\}/s.exec(rest); found !== null; found = /\{([^}]*)\}/s.exec(rest)) {
          pattern += escaped(rest.slice(0, found.index));
          pattern += /^[+#/?&;.]|\*$/.test(found[1] as string) ? "[^]*" : "[^/]*";
          rest = rest.slice(found.index + found[0].length);
        }
        const reference = new RegExp(`^${pattern}${escaped(rest)}$`);
        expect(compileUriTemplate(source)(text)).toBe(reference.test(text));
      }),
      { numRuns: 5_000 },
    );
  });

  test.each([
    ["file:///logs/{day}", "file:///logs/monday", true],
    ["file:///logs/{day}", "file:///logs/monday/evening", false],
    ["file:///{+path}", "file:///a/b/c", true],
    ["test://{id}/data", "test://123/data", true],
    ["test://{id}/data", "test:///data", true],
    ["test://{id}/data", "best://1/data", false],
    ["test://list{?page,size}", "test://list?page=1&size=2", true],
    ["test://a", "test://a", true],
    ["test://{a}{b}{c}", "test://xyz", true],
  ])("%p over %p: %p", (source, text, matches) => {
    expect(compileUriTemplate(source)(text)).toBe(matches);
  });

  test("hostile templates and URIs cost a bounded time", () => {
    const matches = compileUriTemplate(`x:${"{+a}a".repeat(200)}b`);
    const startedAt = ownMs();
    expect(matches(`x:${"a".repeat(4_000)}`)).toBe(false);
    expect(matches(`x:${"a".repeat(4_000_000)}b`)).toBe(false);
    expect(ownMs() - startedAt).toBeLessThan(1_500);
  });
});
