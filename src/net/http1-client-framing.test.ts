import { afterEach, describe, expect, test } from "bun:test";
import { ask, client, closeAll, failure, ok, serve, text, until } from "./client-harness.testing.ts";

afterEach(closeAll);

describe("framing of the answer (RFC 9112, 6.3)", () => {
  const chunked = (body: string) => `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body}`;
  const forms: [string, string, boolean, string][] = [
    ["content-length", ok("héllo€"), false, "héllo€"],
    [
      "chunked",
      chunked('3\r\nh\u00c3\u00a9\r\n6;x="y" \r\nllo\u00e2\u0082\u00ac\r\n0\r\n\r\n'),
      false,
      "héllo€",
    ],
    ["chunked with trailers", chunked("A \r\n0123456789\r\n0\r\na: b\r\nc: d\r\n\r\n"), false, "0123456789"],
    ["until close", "HTTP/1.1 200 OK\r\n\r\nhello", true, "hello"],
    ["HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", false, "hello"],
    ["no reason", "HTTP/1.1 200\r\ncontent-length:2\r\n\r\nok", false, "ok"],
    [
      "interim answers",
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${ok("ok")}`,
      false,
      "ok",
    ],
    ["204", "HTTP/1.1 204 No Content\r\n\r\n", false, ""],
    ["304 with a length", "HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n", false, ""],
    ["empty", ok(""), false, ""],
    ["a byte order mark", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n\u00ef\u00bb\u00bfok", false, "ok"],
  ];
  const encode = (form: string) =>
    /[\u0100-\uffff]/.test(form) || form.includes("hé") ? Buffer.from(form) : Buffer.from(form, "latin1");

  test.each(forms)("%s, at once and byte by byte", async (_name, form, closes, expected) => {
    const bytes = encode(form);
    const server = await serve(async (socket, _request, index) => {
      if (index === 0) socket.write(bytes);
      else
        for (const byte of bytes) {
          socket.write(Uint8Array.of(byte));
          await Bun.sleep(0);
        }
      if (closes) socket.end();
    });
    const http = client();
    for (let i = 0; i < 2; i++) {
      const taken = await ask(http, server.url);
      expect(await taken.text()).toBe(expected);
    }
  });
  test.each(forms)("%s, split in two at each byte, as chunks", async (_name, form, closes, expected) => {
    const bytes = encode(form);
    const server = await serve((socket, _request, index) => {
      socket.write(bytes.subarray(0, index));
      setTimeout(() => {
        socket.write(bytes.subarray(index));
        if (closes) socket.end();
      }, 1);
    });
    const http = client();
    for (let i = 0; i < bytes.length; i++) {
      const pieces: Uint8Array[] = [];
      await (await ask(http, server.url)).pipe((piece) => {
        pieces.push(Uint8Array.from(piece));
      });
      expect(Buffer.concat(pieces).toString().replace("\uFEFF", "")).toBe(expected);
    }
  });
  test("HEAD has no body whatever its headers say, and the connection lives", async () => {
    const server = await serve((socket) =>
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n"),
    );
    const http = client();
    for (let i = 0; i < 2; i++)
      expect(await text(ask(http, server.url, { method: "HEAD", body: undefined, bodyBytesMax: 10 }))).toBe(
        "",
      );
    expect(server.connections).toHaveLength(1);
  });

  test.each([
    ["no HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
    ["HTTP/2", "HTTP/2.0 200 OK\r\n\r\n"],
    ["HTTP/0.9 body", "<html></html>\r\n\r\n"],
    ["a bad status", "HTTP/1.1 2x0 OK\r\n\r\n"],
    ["a short status", "HTTP/1.1 20 OK\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"],
    ["a list of lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\na"],
    ["a negative length", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\na"],
    ["a signed length", "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na"],
    ["a huge length", "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\na"],
    [
      "length and chunked",
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["another coding", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
    [
      "chunked twice",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["chunked in 1.0", "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a space before the colon", "HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\nhello"],
    ["a folded line", "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n"],
    ["a nameless line", "HTTP/1.1 200 OK\r\n: b\r\n\r\n"],
    ["a line without colon", "HTTP/1.1 200 OK\r\nabc\r\n\r\n"],
    ["a bare LF", "HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n"],
    ["a bare CR", "HTTP/1.1 200 OK\r\na: b\rc: d\r\n\r\n"],
    ["a NUL", "HTTP/1.1 200 OK\r\na: b\0\r\n\r\n"],
    ["switching protocols", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["an endless head", `HTTP/1.1 200 OK\r\na: ${"x".repeat(70_000)}`],
    ["a huge head", `HTTP/1.1 200 OK\r\na: ${"x".repeat(70_000)}\r\n\r\n`],
    ["endless interim answers", "HTTP/1.1 102 Processing\r\n\r\n".repeat(5_000)],
  ])("%s is a protocol failure and ends the connection", async (_name, answer) => {
    const server = await serve((socket) => socket.write(answer, "latin1"));
    const http = client();
    await expect(ask(http, server.url)).rejects.toMatchObject(failure("protocol"));
    expect(http.connectionCount).toBe(0);
    await until(() => server.connections[0]?.destroyed === true);
  });
  test.each([
    ["a size beyond numbers", "FFFFFFFFFFFFFFFFF\r\n"],
    ["a size with a sign", "-1\r\n"],
    ["a prefixed size", "0x5\r\nhello\r\n0\r\n\r\n"],
    ["no size", "\r\nhello"],
    ["two sizes", "5 6\r\nhello\r\n0\r\n\r\n"],
    ["more than its size", "2\r\nhello\r\n0\r\n\r\n"],
    ["a bare LF", "5\nhello\n0\n\n"],
    ["an endless extension", `5;${"x".repeat(9_000)}`],
    ["endless trailers", `0\r\n${"a: b\r\n".repeat(4_000)}`],
    ["a LF in a trailer", "0\r\na: b\n\r\n\r\n"],
  ])("a chunked body with %s is a protocol failure", async (_name, body) => {
    const server = await serve((socket) => socket.write(chunked(body)));
    const http = client();
    await expect(text(ask(http, server.url))).rejects.toMatchObject(failure("protocol"));
    expect(http.connectionCount).toBe(0);
  });
});
