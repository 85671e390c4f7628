import { describe, expect, test } from "bun:test";
import { sampleServer } from "../../model/sample-exchange.testing.ts";
import { parseGuarded, stringify } from "../../protocol/json.ts";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import { secretsOf } from "./known-secrets.ts";
import { full, redacted, secrecyOf } from "./redaction.testing.ts";
import { Redaction } from "./redaction.ts";

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
  test.each([
    ["--password=hunter22 -v", "--password=[redacted] -v"],
    ["mysql --password hunter22 -h x", "mysql --password [redacted] -h x"],
    ["DB_PASSWORD=hun,ter;22\nA=b", "DB_PASSWORD=[redacted]\nA=b"],
    ["export _token='a b c'; ls", "export _token=[redacted]; ls"],
    ["API key: abc-def", "API key: [redacted]"],
    ["Your Access Key ID : abc", "Your Access Key ID : [redacted]"],
    [
      "<user>x</user><password type='p'>hunter22</password>",
      "<user>x</user><password type='p'>[redacted]</password>",
    ],
    ["key: |\n  a\nsecret: |\n  line one\n  line two\nnext: 1", "key: |\n  a\nsecret: [redacted]next: 1"],
    ['it has {"secrets": {"a": ["x"]}, "n": 1}', 'it has {"secrets": [redacted], "n": 1}'],
    ['it has \\"secret\\":\\"a \\\\\\"b\\", \\"n\\":1', 'it has \\"secret\\":[redacted], \\"n\\":1'],
    ["password: null, token: true, secret: none", "password: null, token: true, secret: none"],
    [
      "the password is known; a token was sent, see secret/",
      "the password is known; a token was sent, see secret/",
    ],
  ])("in a text: %p", (text, expected) => expect(redacted(text)).toBe(expected));
  test("by what stands beside it: named values, pairs, options, the private part of a key", () => {
    expect(
      redacted({
        env: [
          { name: "DB_PASSWORD", value: "x", type: "env" },
          { key: "Region", value: "eu" },
        ],
        headers: [
          ["Authorization", "x"],
          ["Accept", "y"],
        ],
        args: ["run", "--api-key", "x", "--region", "eu"],
        jwk: { kty: "EC", crv: "P-256", x: "1", d: "2" },
      }),
    ).toEqual({
      env: [
        { name: "DB_PASSWORD", value: "[redacted]", type: "env" },
        { key: "Region", value: "eu" },
      ],
      headers: [
        ["Authorization", "[redacted]"],
        ["Accept", "y"],
      ],
      args: ["run", "--api-key", "[redacted]", "--region", "eu"],
      jwk: { kty: "EC", crv: "P-256", x: "1", d: "[redacted]" },
    });
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
