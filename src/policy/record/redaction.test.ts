import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { sampleServer } from "../../model/sample-exchange.testing.ts";
import { parseGuarded, stringify } from "../../protocol/json.ts";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import { parseJsonPath } from "./json-path.ts";
import { KnownSecrets, secretsOf } from "./known-secrets.ts";
import { Redaction } from "./redaction.ts";
import { KNOWN_SECRET_NAMES, SecretNames } from "./secret-names.ts";

const secrecyOf = (...paths: string[]) => ({
  names: new SecretNames([...KNOWN_SECRET_NAMES, "ssn", "X-Inner*"]),
  paths: paths.map((path) => parseJsonPath(path) ?? []),
});
const redacted = (value: JsonValue, part = "arguments", schema?: JsonObject, ...paths: string[]) =>
  new Redaction("redacted", secrecyOf(...paths), []).part(part, value, schema && { schema, root: schema });
const full = (value: JsonValue, known: readonly string[] = []) =>
  new Redaction("full", secrecyOf(), [new KnownSecrets(known)]).part("result", value);

describe("what a name says is secret", () => {
  test.each([
    "password",
    "db_password",
    "dbPassword",
    "PASSWORD2",
    "X-Api-Key",
    "access_token",
    "clientSecret",
    "ssn",
  ])("%s", (name) =>
    expect(redacted({ [name]: "hunter2-hunter2", other: 1 })).toEqual({ [name]: "[redacted]", other: 1 }),
  );
  test.each(["max_tokens", "tokenizer", "passage", "author", "keyboard", "ssn_note", "monkey"])(
    "%s is not",
    (name) => expect(redacted({ [name]: "hunter2-hunter2" })).toEqual({ [name]: "hunter2-hunter2" }),
  );
  test("whole objects, lists and numbers; what says only whether there is one stays", () => {
    expect(
      redacted({
        secrets: { a: ["x"] },
        tokens: ["x"],
        pin: 1234,
        password: null,
        secret: false,
        api_key: "",
      }),
    ).toEqual({
      secrets: "[redacted]",
      tokens: "[redacted]",
      pin: "[redacted]",
      password: null,
      secret: false,
      api_key: "",
    });
  });
  test("in a text: assignments, queries, JSON in a string and JSON in that", () => {
    expect(redacted("login with password=hunter22&user=x, then")).toBe(
      "login with password=[redacted]&user=x, then",
    );
    expect(redacted('Result: {"api_key": "abc def", "n": 1} done')).toBe(
      'Result: {"api_key": [redacted], "n": 1} done',
    );
    expect(redacted("https://h/x?access_token=abc123&y=1")).toBe("https://h/x?access_token=[redacted]&y=1");
    const inner = JSON.stringify({ text: JSON.stringify({ password: 'hun"ter22' }) });
    expect(redacted(inner)).toBe(JSON.stringify({ text: JSON.stringify({ password: "[redacted]" }) }));
    expect(redacted('{"password":"hunter22","password":null}')).not.toContain("hunter22");
  });
  test("what stood under such a name is taken out wherever it stands again, in later parts too", () => {
    const redaction = new Redaction("redacted", secrecyOf(), []);
    expect(redaction.part("arguments", { password: "hunter22", note: "it is hunter22" })).toEqual({
      password: "[redacted]",
      note: "it is [redacted]",
    });
    expect(
      redaction.part("result", { content: [{ type: "text", text: "welcome, hunter22!" }], hunter22: 1 }),
    ).toEqual({
      content: [{ type: "text", text: "welcome, [redacted]!" }],
      "[redacted]": 1,
    });
  });
});

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
  test("references in a circle end", () => {
    const circle: JsonObject = {
      $ref: "#/$defs/a",
      $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" }, c: { writeOnly: true } },
    };
    expect(redacted({ a: 1 }, "arguments", circle)).toEqual({ a: 1 });
  });
});

describe("what a path names", () => {
  test.each([
    [
      "$.arguments.user.city",
      { user: { city: "[redacted]", name: "n" }, rows: [{ city: "b" }, { city: "c" }] },
    ],
    [
      "$..city",
      { user: { city: "[redacted]", name: "n" }, rows: [{ city: "[redacted]" }, { city: "[redacted]" }] },
    ],
    ["$.arguments.rows[1]", { user: { city: "a", name: "n" }, rows: [{ city: "b" }, "[redacted]"] }],
    [
      "$['arguments'].rows[*].city",
      { user: { city: "a", name: "n" }, rows: [{ city: "[redacted]" }, { city: "[redacted]" }] },
    ],
    ["$.*.user", { user: "[redacted]", rows: [{ city: "b" }, { city: "c" }] }],
    ["$.result.user", { user: { city: "a", name: "n" }, rows: [{ city: "b" }, { city: "c" }] }],
  ])("%s", (path, expected) => {
    const value = { user: { city: "a", name: "n" }, rows: [{ city: "b" }, { city: "c" }] };
    expect(redacted(value, "arguments", undefined, path)).toEqual(expected);
  });
  test("$.arguments is all of them", () =>
    expect(redacted({ a: 1 }, "arguments", undefined, "$.arguments")).toBe("[redacted]"));
  test("applies to JSON in a text", () =>
    expect(redacted('{"city":"x"}', "result", undefined, "$..city")).toBe('{"city":"[redacted]"}'));
  test.each([
    "",
    "$",
    "arguments.a",
    "$.",
    "$..",
    "$.a..",
    "$a",
    "$.a[",
    "$.a[-1]",
    "$.a[?(@.b)]",
    "$.a b",
    "$.[0]",
  ])("%p is none", (text) => expect(parseJsonPath(text)).toBeUndefined());
});

const CREDENTIALS = {
  "a key of this gateway": `mgw_${"A1b2".repeat(9)}zz`,
  "a JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_x",
  "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----",
  "an AWS key": "AKIAIOSFODNN7EXAMPLE",
  "a GitHub token": `ghp_${"a1B2".repeat(9)}`,
  "a Slack token": ["xoxb", "123456789012", "abcdefABCDEF"].join("-"),
  "a Stripe key": ["sk", "live", "4eC39HqLyjWDarjtT1zdp7dc"].join("_"),
  "a model provider's key": "sk-ant-api03-abcdefghijklmnop",
};

describe("what looks like a credential, in both", () => {
  for (const [what, credential] of Object.entries(CREDENTIALS)) {
    test(what, () => {
      for (const level of ["redacted", "full"] as const) {
        const value = {
          a: [`before ${credential} after`],
          [credential]: 1,
          b: JSON.stringify({ c: credential }),
        };
        const text = JSON.stringify(new Redaction(level, secrecyOf(), []).part("result", value));
        expect(text).not.toContain(JSON.stringify(credential).slice(1, -1));
        expect(text).toContain("before [redacted] after");
      }
    });
  }
  test.each([
    ["Authorization: Bearer abcdefghijkl\nHost: x", "Authorization: [redacted]\nHost: x"],
    ["Authorization: Basic dXNlcjpwYXNz", "Authorization: [redacted]"],
    ["Set-Cookie: sid=abc; Path=/", "Set-Cookie: [redacted]"],
    ['sent {"authorization": "Token abc"}', 'sent {"authorization": [redacted]}'],
    ["use bearer abc123def456 here", "use bearer [redacted] here"],
    ["postgres://user:pa55@db/x", "postgres://[redacted]@db/x"],
    ["the bearer of this message; basic arithmetic", "the bearer of this message; basic arithmetic"],
    ["mgw_sample, http://host:80/path, a@b.c", "mgw_sample, http://host:80/path, a@b.c"],
  ])("%p", (text, expected) => {
    expect(full(text)).toBe(expected);
    expect(redacted(text)).toBe(expected);
  });
  test("a header's member, and nothing else that has only a name, in full", () => {
    expect(full({ headers: { Authorization: "x", Cookie: "y" }, password: "hunter22" })).toEqual({
      headers: { Authorization: "[redacted]", Cookie: "[redacted]" },
      password: "hunter22",
    });
  });
});

test("what the gateway shows a server is taken out however it is spelled", () => {
  const server = sampleServer("s", {
    connection: {
      type: "streamable-http",
      url: "https://s.test/mcp?key=url-secret-1",
      auth: { header: "Authorization", value: 'Bearer up"stream-secret' },
      headers: { "X-Api-Key": "header-secret", Accept: "application/json" },
    },
  });
  const child = sampleServer("c", {
    connection: {
      type: "stdio",
      command: "x",
      args: [],
      workingDir: undefined,
      environment: {
        DB_PASSWORD: "env-secret",
        LOG_LEVEL: "information",
        DATABASE_URL: "postgres://u:pg%20secret@h/d",
      },
    },
  });
  for (const level of ["redacted", "full"] as const) {
    const mask = (one: typeof server, value: JsonValue) =>
      JSON.stringify(new Redaction(level, secrecyOf(), [secretsOf(one)]).part("result", value));
    const text = mask(server, [
      'it is up"stream-secret',
      "url-secret-1",
      "header-secret",
      encodeURIComponent('up"stream-secret'),
      "application/json",
    ]);
    expect(text).toBe('["it is [redacted]","[redacted]","[redacted]","[redacted]","application/json"]');
    expect(mask(child, ["env-secret", "pg secret", "information"])).toBe(
      '["[redacted]","[redacted]","information"]',
    );
  }
});

test("answers keep their shape alone, and what they hold is taken out of the result", () => {
  const redaction = new Redaction("redacted", secrecyOf(), []);
  expect(
    redaction.answers({
      q: { action: "accept", content: { city: "Springfield", age: 5, ok: true, none: null } },
    }),
  ).toEqual({
    q: { action: "accept", content: { city: "[redacted]", age: "[redacted]", ok: "[redacted]", none: null } },
  });
  expect(redaction.part("result", { text: "in Springfield" })).toEqual({ text: "in [redacted]" });
  expect(new Redaction("full", secrecyOf(), []).answers({ q: { content: { city: "Springfield" } } })).toEqual(
    {
      q: { content: { city: "Springfield" } },
    },
  );
});

test("binary data is kept as its size, in full as it is", () => {
  const image = { type: "image", data: "aGVsbG8=", mimeType: "image/png" };
  expect(redacted(image)).toEqual({ ...image, data: "[8 characters of base64]" });
  expect(redacted({ uri: "a:b", blob: "aGVsbG8=" })).toEqual({
    uri: "a:b",
    blob: "[8 characters of base64]",
  });
  expect(full(image)).toBe(image);
});

test("what holds no secret is the same value, number by number", () => {
  const { value, exact } = parseGuarded('{"b":1e400,"2":-0,"1":[12345678901234567890,"x"]}');
  expect(redacted(value)).toBe(value);
  const changed = redacted({ ...(value as JsonObject), password: "p" }) as JsonValue;
  expect(stringify(changed, exact)).toBe(
    '{"b":1e400,"2":-0,"1":[12345678901234567890,"x"],"password":"[redacted]"}',
  );
});

test("too large a part is not looked at, and too many secrets leave nothing", () => {
  expect(redacted("x".repeat(1 << 20))).toBeUndefined();
  expect(redacted(Array.from({ length: 300_000 }, () => 1))).toBeUndefined();
  expect(redacted(Array.from({ length: 100 }, (_, n) => ({ password: `secret-${n}-of-many` })))).toBe(
    "[redacted]",
  );
});

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
        expect(JSON.stringify(redaction.part("result", planted))).not.toContain(
          JSON.stringify(text).slice(1, -1),
        );
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

test("no text makes it slow", () => {
  const texts = [
    "eyJ".repeat(300_000),
    "-eyJ".repeat(250_000),
    "eyJaaaaa.".repeat(110_000),
    "-----BEGIN ".repeat(90_000),
    `bearer${" ".repeat(1_000_000)}`,
    `x://${"a".repeat(200)}:${"b".repeat(1_000)}`.repeat(800),
    'password="'.repeat(100_000),
    `password=\\"${" ".repeat(5)}`.repeat(55_000),
    "authorization:".repeat(70_000),
    "\\".repeat(1_000_000),
    "a:".repeat(500_000),
    "[".repeat(1_000_000),
  ];
  for (const text of texts) {
    const began = performance.now();
    redacted(text);
    full(text);
    // Quadratic behaviour takes minutes here; a busy machine takes a second.
    expect(performance.now() - began).toBeLessThan(2_000);
  }
});
