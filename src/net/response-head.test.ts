import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ChunkedDecoder } from "./chunked-decoder.ts";
import { headerLine } from "./header-line.ts";
import { MalformedMessage } from "./header-syntax.ts";
import { LastHead, parseHead, type ResponseHead } from "./response-head.ts";

const name = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/);
const value = fc.stringMatching(/^[!-~]([ \t!-~]{0,20}[!-~])?$/);
const framing = new Set(["content-length", "transfer-encoding", "connection", "keep-alive"]);

describe("a head", () => {
  test("of any names and values gives each value back by its lower-cased name", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), (pairs) => {
        const plain = pairs.filter(([key]) => !framing.has(key.toLowerCase()));
        const head = parseHead(`HTTP/1.1 200 OK\r\n${plain.map(([k, v]) => `${k}:\t ${v} \r\n`).join("")}`);
        const headers = new Headers(plain.map(([k, v]): [string, string] => [k, v]));
        for (const [key] of plain) {
          const wanted = plain.filter(([k]) => k.toLowerCase() === key.toLowerCase()).map(([, v]) => v);
          expect(head.value(key.toLowerCase())).toBe(wanted.join(", "));
        }
        expect([...headers.keys()].every((key) => head.value(key) !== undefined)).toBe(true);
      }),
    );
  });
  test("of any text is parsed or refused as malformed, and never with a stray line break", () => {
    const pieces = fc.constantFrom(
      ..."HTTP/1.1 200 OK|\r\n|\r|\n|\0|content-length:|transfer-encoding: chunked|connection: close| |:|5|a".split(
        "|",
      ),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const text = `HTTP/1.1 200 OK\r\n${parts.join("")}\r\n`;
        try {
          const head = parseHead(text);
          expect(/[\r\n\0]/.test(text.replaceAll("\r\n", ""))).toBe(false);
          expect(head.chunked && head.contentLength !== -1).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a head that comes after another", () => {
  const lines = fc.array(
    fc.constantFrom(
      ..."Content-Length: 5|content-length:\t1234567 |Content-Length: 05|x: 1|x: 2|X: 12|Content-Type: a|Connection: close|transfer-encoding: chunked".split(
        "|",
      ),
    ),
    { maxLength: 4 },
  );
  const statuses = fc.constantFrom("200 OK", "200 OK1", "404 OK");
  const seen = (head: ResponseHead) => [
    ...[head.status, head.contentLength, head.chunked, head.keepAlive, head.contentEncoding],
    ...["x", "content-type", "absent", "x"].map((name) => head.value(name)),
    head.value("content-length"),
  ];

  test("is found where it is the same but for its length, and is what parsing makes of it", () => {
    const last = new LastHead();
    let matches = 0;
    fc.assert(
      fc.property(statuses, lines, fc.string(), (status, made, body) => {
        const text = `HTTP/1.1 ${status}\r\n${made.map((line) => `${line}\r\n`).join("")}`;
        const bytes = Buffer.from(`${text}\r\n${body}`);
        const end = text.length + 2;
        for (let round = 0; round < 3; round++) {
          const found = last.match(bytes);
          if (found !== undefined) {
            matches++;
            expect(seen(found)).toEqual(seen(parseHead(text)));
            expect(last.bytes).toBe(end);
          } else {
            let head: ResponseHead;
            try {
              head = parseHead(text);
            } catch {
              return;
            }
            last.keep(head, bytes, end);
          }
        }
      }),
      { numRuns: 2_000 },
    );
    expect(matches).toBeGreaterThan(2_000);
  });

  test("with another length is found too, and the one before keeps its own", () => {
    const head = (length: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\nx: y\r\n`;
    const last = new LastHead();
    const first = parseHead(head("5"));
    last.keep(first, Buffer.from(`${head("5")}\r\n`), head("5").length + 2);
    for (const length of ["5", "7", "1234", "0", "123456789012345"]) {
      const found = last.match(Buffer.from(`${head(length)}\r\nbody`));
      expect(found?.contentLength).toBe(Number(length));
      expect(found?.value("content-length")).toBe(length);
      expect(found?.value("x")).toBe("y");
    }
    expect(first.contentLength).toBe(5);
    for (const other of ["", "a", "1234567890123456", "5 ", "-1"])
      expect(last.match(Buffer.from(`${head(other)}\r\n`))).toBeUndefined();
    for (let cut = 0; cut < head("5").length + 2; cut++)
      expect(last.match(Buffer.from(`${head("5")}\r\n`).subarray(0, cut))).toBeUndefined();
  });
});

describe("the chunked coding", () => {
  test("of any pieces, cut anywhere, gives the bytes back and stops at its end", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.nat(600), { maxLength: 20 }),
        fc.constantFrom("", ";a=b", ' ;q="x"'),
        (pieces, places, extension) => {
          const wire = Buffer.concat([
            ...pieces.flatMap((piece) => [
              Buffer.from(`${piece.length.toString(16)}${extension}\r\n`),
              Buffer.from(piece),
              Buffer.from("\r\n"),
            ]),
            Buffer.from("0\r\nx: y\r\n\r\n"),
          ]);
          const decoder = new ChunkedDecoder();
          const out: Buffer[] = [];
          const at = [...new Set(places.map((place) => place % wire.length))].sort((a, b) => a - b);
          for (const [i, start] of [0, ...at].entries()) {
            expect(decoder.done).toBe(false);
            const part = wire.subarray(start, at[i] ?? wire.length);
            expect(decoder.push(part, 0, (piece) => out.push(piece))).toBe(part.length);
          }
          expect(decoder.done).toBe(true);
          expect(Buffer.concat(out)).toEqual(Buffer.concat(pieces));
          expect(decoder.push(Buffer.from("more"), 0, () => out.push(Buffer.from("!")))).toBe(0);
        },
      ),
    );
  });
});

describe("a request header line", () => {
  test("holds one name and one value", () => {
    expect(headerLine("X-Name", "a b\tc ")).toBe("X-Name: a b\tc\r\n");
  });
  test.each([
    ["a b", "x"],
    ["", "x"],
    ["a:", "x"],
    ["a\r\nb", "x"],
    ["é", "x"],
    ["a", "x\r\ny: z"],
    ["a", "x\ny"],
    ["a", "x\0"],
    ["a", "x\x7f"],
    ["a", "ł"],
  ])("%j: %j is refused", (key, text) => {
    expect(() => headerLine(key, text)).toThrow(TypeError);
  });
});
