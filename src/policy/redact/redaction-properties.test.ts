import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonValue } from "../../protocol/json-value.ts";
import { KnownSecrets } from "./known-secrets.ts";
import { CREDENTIALS, redacted, secrecyOf } from "./redaction.testing.ts";
import { Redaction } from "./redaction.ts";

describe("properties", () => {
  // Letters that JSON escapes, and enough of them that chance does not find them elsewhere.
  const secret = fc
    .string({ unit: fc.constantFrom(...'abcXYZ0189"\\/ü€ %&='), minLength: 12, maxLength: 24 })
    .filter((text) => text.trim() === text);
  const name = fc.constantFrom(
    "password",
    "user_password",
    "apiKey",
    "access-token",
    "Client.Secret",
    "authorization",
  );
  const plain = fc.jsonValue({ maxDepth: 3, noUnicodeString: false }) as fc.Arbitrary<JsonValue>;
  /** Puts a value somewhere into others. */
  type Wrap = (value: JsonValue) => JsonValue;
  const wrap: fc.Arbitrary<Wrap> = fc.oneof(
    plain.map(
      (other): Wrap =>
        (value) => [other, value, other],
    ),
    plain.map(
      (other): Wrap =>
        (value) => ({ other, inner: value }),
    ),
    fc.constant<Wrap>((value) => JSON.stringify({ inner: value })),
    fc.constant<Wrap>((value) => JSON.stringify([value])),
    fc.constant<Wrap>((value) => ({ content: [{ type: "text", text: JSON.stringify(value) }] })),
  );
  const spellings = (text: string) => {
    let spelled = text;
    return Array.from({ length: 6 }, () => {
      const one = spelled;
      spelled = JSON.stringify(spelled).slice(1, -1);
      return one;
    });
  };
  const holds = (value: JsonValue | undefined, text: string) => {
    const whole = JSON.stringify(value) ?? "";
    return spellings(text).some((spelled) => whole.includes(spelled));
  };

  test("a secret under its name leaks at no depth and in no shape, and the rest is JSON", () => {
    fc.assert(
      fc.property(secret, name, fc.array(wrap, { maxLength: 6 }), plain, (text, key, wraps, other) => {
        const planted = wraps.reduce<JsonValue>((value, one) => one(value), { [key]: text, other });
        fc.pre(!holds(other, text));
        const result = redacted(planted);
        expect(holds(result, text)).toBe(false);
        expect(() => JSON.parse(JSON.stringify(result))).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });

  test("a credential leaks neither redacted nor in full, as a value or as a name, within other text", () => {
    const credential = fc.constantFrom(...Object.values(CREDENTIALS));
    fc.assert(
      fc.property(
        credential,
        fc.array(wrap, { maxLength: 6 }),
        fc.boolean(),
        fc.boolean(),
        (text, wraps, asName, isFull) => {
          const inner: JsonValue = asName ? { [text]: 1 } : `see ${text}, please`;
          const planted = wraps.reduce<JsonValue>((value, one) => one(value), inner);
          const result = new Redaction(isFull ? "full" : "redacted", secrecyOf(), []).part("result", planted);
          expect(holds(result, text)).toBe(false);
          expect(() => JSON.parse(JSON.stringify(result))).not.toThrow();
        },
      ),
      { numRuns: 500 },
    );
  });

  test("a known secret leaks neither redacted nor in full", () => {
    fc.assert(
      fc.property(secret, fc.array(wrap, { maxLength: 3 }), fc.boolean(), (text, wraps, isFull) => {
        const planted = wraps.reduce<JsonValue>(
          (value, one) => one(value),
          [text, `(${text})`, { [text]: 0 }],
        );
        const redaction = new Redaction(isFull ? "full" : "redacted", secrecyOf(), [
          new KnownSecrets([text]),
        ]);
        expect(holds(redaction.part("result", planted), text)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test("what is given is never changed", () => {
    fc.assert(
      fc.property(plain, secret, (other, text) => {
        const value = { other, password: text, list: [{ token: text }] };
        const before = JSON.stringify(value);
        redacted(value);
        expect(JSON.stringify(value)).toBe(before);
      }),
    );
  });
});
