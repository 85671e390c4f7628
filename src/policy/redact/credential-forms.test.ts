import { describe, expect, test } from "bun:test";
import { ownMs } from "../../../test/fixtures/own-time.ts";
import { CREDENTIALS, full, redacted, secrecyOf } from "./redaction.testing.ts";
import { Redaction } from "./redaction.ts";

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
    [`glued_${CREDENTIALS["a key of this gateway"]}`, "glued_[redacted]"],
    [`x-${CREDENTIALS["a JSON web token"]} y`, "x-[redacted] y"],
    [`a.b.${CREDENTIALS["a JSON web token"]}`, "a.b.[redacted]"],
    [`longword.${CREDENTIALS["a JSON web token"]}`, "longword.[redacted]"],
    [`id${CREDENTIALS["an AWS key"]},`, "id[redacted],"],
    [
      "task-force-of-many-words example.com.and.more eyJustaword",
      "task-force-of-many-words example.com.and.more eyJustaword",
    ],
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
    "--a ".repeat(250_000),
    "<a>b".repeat(250_000),
    "<a ".repeat(300_000),
    "password: {".repeat(90_000),
    "password: |\n ".repeat(70_000),
    "a b c: ".repeat(140_000),
    "glpat-".repeat(170_000),
    "AIza".repeat(250_000),
    `${"a".repeat(100)}.`.repeat(10_000),
    "eyJ.".repeat(250_000),
  ];
  for (const text of texts) {
    const began = ownMs();
    redacted(text);
    full(text);
    // Quadratic behaviour takes minutes here.
    expect(ownMs() - began).toBeLessThan(2_000);
  }
});
