import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ownMs } from "../../test/fixtures/own-time.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { parseGuarded, parseMessage, quote, stringify } from "./json.ts";
import type { JsonValue } from "./json-value.ts";

const loose = { depthMax: 64, itemsMax: 1_000_000 };

/** Number texts of every shape the grammar has, most of which a double does not keep. */
const numberText = fc.oneof(
  fc.constantFrom(
    "0",
    "-0",
    "1.0",
    "1e400",
    "-1E-400",
    "0.1",
    "1e5",
    "1E+5",
    "9007199254740993",
    "0.10",
    "-0.0",
  ),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc
    .tuple(
      fc.constantFrom("", "-"),
      fc.nat().map(String),
      fc.option(fc.stringMatching(/^[0-9]{1,20}$/), { nil: undefined }),
      fc.option(
        fc.tuple(fc.constantFrom("e", "E"), fc.constantFrom("", "+", "-"), fc.stringMatching(/^[0-9]{1,4}$/)),
        {
          nil: undefined,
        },
      ),
    )
    .map(
      ([sign, whole, fraction, exponent]) =>
        `${sign}${whole}${fraction === undefined ? "" : `.${fraction}`}${exponent?.join("") ?? ""}`,
    ),
);
/** Keys that objects reorder, that look like protocol members deep inside, and that need escapes. */
const keyText = fc
  .oneof(
    fc.constantFrom("0", "1", "10", "01", "4294967294", "4294967295", "99999999999", "-1", "name", "id", "a"),
    fc.nat({ max: 300 }).map(String),
    fc.string({ unit: "grapheme", maxLength: 8 }),
  )
  .filter((key) => key !== "__proto__");

/** Minified texts of any JSON value: strings as `JSON.stringify` writes them, numbers as anybody may. */
const { value: anyText } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    numberText,
    fc.constantFrom("true", "false", "null"),
    fc.string({ unit: "binary", maxLength: 12 }).map((text) => JSON.stringify(text)),
    tie("array"),
    tie("object"),
  ),
  array: fc.array(tie("value"), { maxLength: 6 }).map((items) => `[${items.join(",")}]`),
  object: fc
    .uniqueArray(fc.tuple(keyText, tie("value")), { maxLength: 6, selector: ([key]) => key })
    .map((members) => `{${members.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`),
}));

/** Spreads white space over a minified text, outside its strings. */
function spaced(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g, (token) =>
    token.length > 1 ? token : ` \n${token}\t\r`,
  );
}

const refusal = (text: string, limits = loose): string => {
  try {
    parseGuarded(text, limits);
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown.code;
    throw thrown;
  }
  return "accepted";
};

describe("what comes in goes out unchanged", () => {
  test("any value, below params, is byte for byte what it was", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const source of [text, spaced(text)]) {
          const message = `{"jsonrpc":"2.0","params":{"arguments":{"deep":${source}}}}`;
          const { value, exact } = parseMessage(message);
          expect(stringify(value, exact)).toBe(`{"jsonrpc":"2.0","params":{"arguments":{"deep":${text}}}}`);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    '{"id":9007199254740993}',
    '{"x":1e400}',
    '{"x":-0}',
    '{"x":1.0}',
    '{"x":{"b":1,"2":2,"1":3,"a":4}}',
    '{"a":"\\\\"}',
    '{"a":"\\\\\\"","b":[1.0,"]}\\\\"]}',
    '{"10":1,"9":{"8":1,"07":2}}',
    "[0.0,[[],{}]]",
  ])("%s", (text) => {
    const { value, exact } = parseGuarded(text);
    expect(stringify(value, exact)).toBe(text);
  });

  test("plain data takes the fast path", () => {
    const plain = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
        fc.string({ unit: "grapheme" }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(
          fc.string({ unit: "grapheme" }).filter((key) => !/^[0-9]+$/.test(key) && key !== "__proto__"),
          tie("value"),
          { maxKeys: 4 },
        ),
      ),
    })).value;
    fc.assert(
      fc.property(plain, (value) => {
        const text = JSON.stringify({ arguments: value });
        expect(parseGuarded(text).exact).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  test("what was added to an object with remembered order is printed behind it, what was removed is not", () => {
    const { value } = parseMessage('{"params":{"9":1,"b":2,"1":3}}');
    const changed = { ...(value.params as Record<string, JsonValue>), c: 4, b: undefined };
    expect(stringify(changed as never, true)).toBe('{"9":1,"1":3,"c":4}');
  });
});

describe("what parsers disagree about is refused", () => {
  test.each([
    ["a duplicate at the top", '{"method":"a","id":1,"method":"b"}'],
    ["a duplicate in params", '{"params":{"name":"a","name":"b"}}'],
    ["a duplicate spelt with an escape", '{"method":"a","\\u006dethod":"b"}'],
    ["a duplicate in params spelt with an escape", '{"params":{"name":"a","n\\u0061me":"b"}}'],
    ["another case", '{"Method":"a"}'],
    ["another case in params", '{"params":{"NAME":"a"}}'],
    ["another case spelt with an escape", '{"params":{"\\u004eame":"a"}}'],
    ["a long s", '{"param\u017f":{}}'],
    ["a Kelvin sign in an escaped key", '{"params":{"tas\\u212aId":1}}'],
    ["params twice", '{"params":{},"params":{}}'],
    ["params twice, the second no object", '{"params":{"name":"a"},"params":[]}'],
    ["inside a batch", '[{"method":"a","method":"b"}]'],
    [
      "inside params of a batch's second message",
      '[{"params":{"name":"a"}},{"params":{"name":"a","Name":"b"}}]',
    ],
    ["__proto__ at the top", '{"__proto__":{}}'],
    ["__proto__ deep inside", '{"params":{"arguments":{"a":[{"__proto__":1}]}}}'],
    ["__proto__ with an escape", '{"a":{"\\u005f_proto__":1}}'],
    ["__proto__ with its last letter escaped", '{"a":{"__proto_\\u005F":1}}'],
    ["__proto__ where the source-text path is taken", '{"a":{"__proto__":1e400}}'],
  ])("%s", (_what, text) => {
    expect(refusal(text)).toBe("invalid_request");
  });

  test.each([
    ["the same name in two messages of a batch", '[{"method":"a"},{"method":"a","params":{"name":"x"}}]'],
    ["members of other levels", '{"params":{"arguments":{"Name":1,"NAME":2,"name":3,"method":1}}}'],
    ["params' names at the top", '{"method":"a","Name":1}'],
    ["protocol names beside params", '{"params":{"Method":1},"method":"x"}'],
    ["names after params has ended", '{"params":{"name":"a"},"result":{"name":"a","Name":"b"}}'],
    ["values that look like keys", '{"method":"__proto__","params":{"name":"__proto__"}}'],
    ["an array of params", '{"params":[{"Name":1}]}'],
  ])("but not %s", (_what, text) => {
    expect(refusal(text)).toBe("accepted");
  });

  test("a message that is no object", () => {
    for (const text of ["1", '"a"', "null", "[]"]) expect(() => parseMessage(text)).toThrow(/JSON object/);
  });
});

describe("bounds", () => {
  const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  test("depth", () => {
    expect(refusal(nested(64))).toBe("accepted");
    expect(refusal(nested(65))).toBe("invalid_request");
    expect(refusal(`{"a":${nested(64)}}`)).toBe("invalid_request");
    expect(refusal("[".repeat(4_000_000))).toBe("invalid_request");
  });
  test("items", () => {
    const items = (count: number) => `[${Array.from({ length: count }, () => "0").join(",")}]`;
    expect(refusal(items(10), { depthMax: 8, itemsMax: 10 })).toBe("accepted");
    expect(refusal(items(12), { depthMax: 8, itemsMax: 10 })).toBe("invalid_request");
  });

  test("any text is refused by a name of the catalogue or read as JSON.parse reads it", () => {
    const pieces = fc.constantFrom(
      ...'{}[]:,"\\ \n\t0123456789-+.eEtrufalsn_\u0000\u2028x'.split(""),
      '"a"',
      '"__proto__"',
      '"id":',
      '"\\u00',
      "true",
      "null",
      "1e400",
      '{"1":',
      "\ufeff",
    );
    const mutated = fc.tuple(anyText, fc.nat(), pieces).map(([text, at, piece]) => {
      const cut = text.length === 0 ? 0 : at % text.length;
      return text.slice(0, cut) + piece + text.slice(cut + 1);
    });
    const texts = fc.oneof(
      fc.array(pieces, { maxLength: 24 }).map((parts) => parts.join("")),
      mutated,
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        let plain: JsonValue | undefined;
        let valid = true;
        try {
          plain = JSON.parse(text) as JsonValue;
        } catch {
          valid = false;
        }
        const verdict = refusal(text);
        expect(["accepted", "parse_error", "invalid_request"]).toContain(verdict);
        if (!valid) return expect(verdict).not.toBe("accepted");
        expect(verdict).not.toBe("parse_error");
        if (verdict === "accepted") {
          const { value, exact } = parseGuarded(text);
          expect(JSON.parse(stringify(value, exact))).toEqual(plain as never);
        }
        return undefined;
      }),
      { numRuns: 5_000 },
    );
  });

  const mebibytes = 4 * 1_048_576;
  const repeated = (piece: string) => piece.repeat(Math.floor(mebibytes / piece.length));
  const indexKeys = () => {
    let text = '{"0":0';
    for (let i = 1; text.length < mebibytes; i++) text += `,"${i}":0`;
    return `${text}}`;
  };
  test.each([
    ["backslashes", () => `"${repeated("\\\\")}"`],
    ["escaped quotes", () => `"${repeated('\\"')}"`],
    ["a string that never ends", () => `"${repeated('\\"')}`],
    ["quotes", () => `[${repeated('"",')}""]`],
    ["one number", () => `[${repeated("1")}]`],
    ["numbers that do not round-trip", () => `[${repeated("1.0,")}1]`],
    ["exponents", () => `[${repeated("1e400,")}1]`],
    ["index keys", indexKeys],
    ["one escaped key", () => `{"${repeated("\\u0041")}":1}`],
    ["keys with a leading underscore", () => `{${repeated('"_a":1,')}"_b":1}`],
    ["white space", () => `[${repeated(" ")}]`],
    ["closing brackets", () => repeated("]")],
  ])("4 MiB of %s are done in linear time", (_what, make) => {
    const text = make();
    const startedAt = ownMs();
    try {
      const { value, exact } = parseGuarded(text, { depthMax: 64, itemsMax: 10_000_000 });
      stringify(value, exact);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(GatewayError);
    }
    // A quadratic step over 4 MiB takes minutes.
    expect(ownMs() - startedAt).toBeLessThan(10_000);
  });
});

test("strings are quoted exactly as JSON.stringify does", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (value) => quote(value) === JSON.stringify(value)));
});
