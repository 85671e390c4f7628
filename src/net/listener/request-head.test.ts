import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MalformedMessage } from "../header-syntax.ts";
import { parseRequestHead } from "./request-head.ts";

const GET = "GET /mcp HTTP/1.1\r\nhost: a\r\n";
const name = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/);
const value = fc.stringMatching(/^[!-~\x80-\xff]([ \t!-~]{0,20}[!-~])?$/);
const framing = new Set(["host", "content-length", "transfer-encoding", "connection", "expect"]);

describe("a head", () => {
  test("of any names and values gives what the Fetch standard's Headers give", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), (pairs) => {
        const plain = pairs.filter(
          ([key]) => !framing.has(key.toLowerCase()) && key.toLowerCase() !== "cookie",
        );
        const head = parseRequestHead(`${GET}${plain.map(([k, v]) => `${k}:\t ${v} \r\n`).join("")}`);
        const wanted = new Headers([["host", "a"], ...plain]);
        for (const [key, whole] of wanted) {
          expect(head.get(key)).toBe(whole);
          expect(head.has(key)).toBe(true);
        }
        expect(Object.fromEntries(head)).toEqual(Object.fromEntries(wanted));
        expect(head.get("not-there")).toBeNull();
        head.remember();
        for (const _ of [1, 2]) {
          for (const [key, whole] of wanted) expect(head.get(key)).toBe(whole);
          expect(head.get("not-there")).toBeNull();
        }
      }),
    );
  });

  test("of any text is parsed or refused as malformed, and never with a stray line break or two lengths", () => {
    const pieces = fc.constantFrom(
      ..."GET |/ |HTTP/1.1|HTTP/1.0|host: a|\r\n|\r|\n|\0|content-length: 5|transfer-encoding: chunked|connection: close| |:|é".split(
        "|",
      ),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), fc.boolean(), (parts, isWhole) => {
        const text = `${isWhole ? GET : ""}${parts.join("")}\r\n`;
        try {
          const head = parseRequestHead(text);
          expect(/[\r\n\0]/.test(text.replaceAll("\r\n", ""))).toBe(false);
          expect(head.isChunked && head.contentLength !== -1).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ["no version", "GET /mcp\r\nhost: a\r\n"],
    ["HTTP/2 spoken unasked", "PRI * HTTP/2.0\r\n"],
    ["another version", "GET /mcp HTTP/1.2\r\nhost: a\r\n"],
    ["no target", "GET HTTP/1.1\r\nhost: a\r\n"],
    ["two spaces", "GET  /mcp HTTP/1.1\r\nhost: a\r\n"],
    ["a space in the target", "GET /m cp HTTP/1.1\r\nhost: a\r\n"],
    ["a method that is no token", "G(T /mcp HTTP/1.1\r\nhost: a\r\n"],
    ["a target beyond ASCII", "GET /\xe9 HTTP/1.1\r\nhost: a\r\n"],
    ["authority form", "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n"],
    ["a URL of another host", "GET http://b/mcp HTTP/1.1\r\nhost: a\r\n"],
    ["no host", "GET /mcp HTTP/1.1\r\n"],
    ["two hosts", `${GET}Host: a\r\n`],
    ["a host that ends in a URL", "GET /mcp HTTP/1.1\r\nhost: a/admin?\r\n"],
    ["a host with a user", "GET /mcp HTTP/1.1\r\nhost: a@b\r\n"],
    ["a folded line", `${GET}x: y\r\n z\r\n`],
    ["a space before the colon", `${GET}x : y\r\n`],
    ["a bare LF", `${GET}x: y\nz: w\r\n`],
    ["a NUL", `${GET}x: \0\r\n`],
    ["two lengths", `${GET}content-length: 1\r\nContent-Length: 1\r\n`],
    ["a list of lengths", `${GET}content-length: 1, 1\r\n`],
    ["a signed length", `${GET}content-length: +1\r\n`],
    ["a hexadecimal length", `${GET}content-length: 0x1\r\n`],
    ["length and coding", `${GET}content-length: 1\r\ntransfer-encoding: chunked\r\n`],
    ["another coding", `${GET}transfer-encoding: gzip, chunked\r\n`],
    ["a coding in quotes", `${GET}transfer-encoding: "chunked"\r\n`],
    ["two codings", `${GET}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n`],
    ["a coding in HTTP/1.0", "GET /mcp HTTP/1.0\r\ntransfer-encoding: chunked\r\n"],
  ])("%s is malformed", (_, text) => {
    expect(() => parseRequestHead(text)).toThrow(MalformedMessage);
  });

  test("says what its message and its connection are", () => {
    expect(parseRequestHead(GET)).toMatchObject({
      method: "GET",
      target: "/mcp",
      keepsAlive: true,
      hasBody: false,
    });
    expect(parseRequestHead(`${GET}connection: x, Close\r\n`).keepsAlive).toBe(false);
    expect(parseRequestHead("GET / HTTP/1.0\r\n")).toMatchObject({ keepsAlive: false, isHttp11: false });
    expect(parseRequestHead("GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n").keepsAlive).toBe(true);
    expect(
      parseRequestHead("GET / HTTP/1.0\r\nconnection: close\r\nconnection: keep-alive\r\n").keepsAlive,
    ).toBe(false);
    for (const host of ["", "my_host.internal:8080", "[::1]:80", "10.0.0.1"])
      expect(parseRequestHead(`GET / HTTP/1.1\r\nhost: ${host}\r\n`).get("host")).toBe(host);
    expect(parseRequestHead("GET HTTP://A/x?y HTTP/1.1\r\nhost: a\r\n").target).toBe("/x?y");
    expect(parseRequestHead("GET http://a?y HTTP/1.1\r\nhost: a\r\n").target).toBe("/?y");
    expect(parseRequestHead("OPTIONS * HTTP/1.1\r\nhost: a\r\n").target).toBe("*");
    expect(parseRequestHead(`${GET}content-length: 7\r\n`)).toMatchObject({
      contentLength: 7,
      hasBody: true,
    });
    expect(parseRequestHead(`${GET}content-length: ${"9".repeat(30)}\r\n`).contentLength).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(parseRequestHead(`${GET}Transfer-Encoding: Chunked\r\nexpect: 100-Continue\r\n`)).toMatchObject({
      isChunked: true,
      expectsContinue: true,
    });
  });
});
