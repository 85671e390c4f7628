import { afterEach, describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import { once } from "node:events";
import type { Socket } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { Cancellation } from "../model/cancellation.ts";
import { Http1Client, type Http1ClientOptions } from "./http1-client.ts";
import type { HttpRequest, HttpResponse } from "./http-exchange.ts";
import { OutboundGuard } from "./outbound-guard.ts";
import { type RawServer, rawServer } from "./raw-server.testing.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function client(options: Http1ClientOptions = {}): Http1Client {
  const made = new Http1Client(new OutboundGuard(["loopback"]), options);
  closers.push(() => made.close());
  return made;
}
async function serve(...rest: Parameters<typeof rawServer>): Promise<RawServer> {
  const server = await rawServer(...rest);
  closers.push(() => server.close());
  return server;
}
function ask(http: Http1Client, url: string, over: Partial<HttpRequest> = {}): Promise<HttpResponse> {
  return http.request({
    method: "POST",
    target: http.target(url),
    headerBlock: "",
    body: "{}",
    cancellation: undefined,
    idleTimeoutMs: 5_000,
    bodyBytesMax: 1 << 20,
    ...over,
  });
}
const text = async (response: Promise<HttpResponse>) => (await response).text();
const failure = (kind: string, sent = true) => ({ name: "HttpFailure", kind, sent });
const ok = (body: string, headers = "") =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
const until = async (condition: () => boolean) => {
  for (let i = 0; i < 300 && !condition(); i++) await Bun.sleep(10);
  expect(condition()).toBe(true);
};

describe("a request", () => {
  test("is one message with its own Host, length and headers; a small answer is there at once", async () => {
    const server = await serve((socket) =>
      socket.write(ok('{"é":1}', "Content-Type: a\r\ncontent-type:b\r\n")),
    );
    const http = client();
    const response = await ask(http, `${server.url}/a/b?c=d#e`, {
      headerBlock: "accept: x\r\n",
      body: '{"ü":2}',
    });
    expect(response.status).toBe(200);
    expect(response.header("content-type")).toBe("a, b");
    expect(response.header("absent")).toBeUndefined();
    expect(response.text()).toBe('{"é":1}');
    expect(server.requests).toEqual([
      `POST /a/b?c=d HTTP/1.1\r\nhost: ${server.url.slice(7)}\r\naccept-encoding: identity\r\naccept: x\r\ncontent-length: 8\r\n\r\n{"Ã¼":2}`,
    ]);
  });
  test("without a body carries a length only where the method expects one", async () => {
    const server = await serve((socket) => socket.write(ok("")));
    const http = client();
    for (const method of ["GET", "HEAD", "DELETE", "POST"] as const)
      await text(ask(http, server.url, { method, body: undefined }));
    expect(server.requests.map((request) => request.includes("content-length: 0"))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });
  test("of 20 MB goes out whole to a server that reads slowly", async () => {
    let received = 0;
    const server = await serve(
      () => {},
      (socket) => {
        socket.removeAllListeners("data");
        socket.pause();
        setTimeout(() => socket.resume(), 100);
        setImmediate(() => {
          socket.removeAllListeners("data");
          socket.on("data", (bytes) => {
            received += bytes.length;
            if (received >= 20_000_000) socket.write(ok("done"));
          });
        });
      },
    );
    const body = "é".repeat(10_000_000);
    expect(await text(ask(client(), server.url, { body }))).toBe("done");
    expect(received).toBeGreaterThan(20_000_000);
  });
  test("two hundred at once need no turn", async () => {
    const waiting: Socket[] = [];
    const server = await serve((socket) => {
      waiting.push(socket);
      if (waiting.length === 400) for (const one of waiting) one.write(ok("x"));
    });
    const http = client();
    const answers = await Promise.all(Array.from({ length: 400 }, () => text(ask(http, server.url))));
    expect(answers.every((answer) => answer === "x")).toBe(true);
  });
});

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

describe("connections", () => {
  test("are used again, last in first out, and closed after the idle time", async () => {
    const server = await serve((socket) => socket.write(ok("x")));
    const http = client({ idleConnectionMs: 200 });
    for (let i = 0; i < 5; i++) await text(ask(http, server.url));
    expect(server.connections).toHaveLength(1);
    expect(http.connectionCount).toBe(1);
    await until(() => http.connectionCount === 0);
    await text(ask(http, server.url));
    expect(server.connections).toHaveLength(2);
  });
  test.each([
    ["Connection: close", ok("x", "Connection: foo, Close\r\n")],
    ["a Keep-Alive of one second", ok("x", "keep-alive: timeout=1, max=5\r\n")],
    ["HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx"],
    ["bytes after the answer", `${ok("x")}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`],
    ["bytes after a 204", "HTTP/1.1 204 No Content\r\n\r\nevil"],
    ["bytes after the last chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nevil"],
  ])("are not used again after %s", async (_name, answer) => {
    const server = await serve((socket) => socket.write(answer));
    const http = client();
    for (let i = 0; i < 3; i++) expect(await text(ask(http, server.url))).not.toContain("evil");
    expect(server.connections).toHaveLength(3);
  });
  test("end when a server speaks unasked, and what it said answers nobody", async () => {
    const server = await serve((socket, _request, index) => {
      socket.write(ok(`answer ${index}`));
      setTimeout(() => socket.write(ok("evil")), 20);
    });
    const http = client();
    expect(await text(ask(http, server.url))).toBe("answer 0");
    await until(() => http.connectionCount === 0);
    expect(await text(ask(http, server.url))).toBe("answer 1");
  });
  test("beyond the idle maximum are closed", async () => {
    const server = await serve((socket) => setTimeout(() => socket.write(ok("x")), 20));
    const http = client({ idleConnectionsMax: 2 });
    await Promise.all(Array.from({ length: 5 }, () => text(ask(http, server.url))));
    expect(http.connectionCount).toBe(2);
  });
  test("older than their age limit serve nobody again", async () => {
    const server = await serve((socket) => socket.write(ok("x")));
    const http = client({ connectionAgeMaxMs: 0 });
    for (let i = 0; i < 2; i++) await text(ask(http, server.url));
    expect(server.connections).toHaveLength(2);
  });
  test("closed by `close()` are the idle ones; one in use ends with its exchange", async () => {
    const server = await serve((socket) => setTimeout(() => socket.write(ok("x")), 50));
    const http = client();
    const running = text(ask(http, server.url));
    await until(() => server.requests.length === 1);
    http.close();
    expect(await running).toBe("x");
    expect(http.connectionCount).toBe(0);
  });
});

describe("failures", () => {
  test("a reused connection that ends before an answer: said so, and sent once only", async () => {
    for (const end of [(socket: Socket) => socket.resetAndDestroy(), (socket: Socket) => socket.end()]) {
      const server = await serve((socket, _request, index) => {
        if (index === 0) socket.write(ok("x"));
        else end(socket);
      });
      const http = client();
      await text(ask(http, server.url));
      await expect(ask(http, server.url)).rejects.toMatchObject(failure("reset_before_response"));
      await Bun.sleep(50);
      expect(server.requests).toHaveLength(2);
    }
  });
  test("a 408 for an idle connection is no answer to the next request", async () => {
    const server = await serve((socket, _request, index) =>
      socket.write(index === 0 ? ok("x") : "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n"),
    );
    const http = client();
    await text(ask(http, server.url));
    await expect(ask(http, server.url)).rejects.toMatchObject(failure("reset_before_response"));
  });
  test("a fresh connection that ends before an answer is a reset, and sent once only", async () => {
    for (const method of ["GET", "POST", "PUT", "DELETE"] as const) {
      const server = await serve((socket) => socket.resetAndDestroy());
      await expect(ask(client(), server.url, { method })).rejects.toMatchObject(failure("reset"));
      await Bun.sleep(20);
      expect(server.requests).toHaveLength(1);
    }
  });
  test.each([
    ["half a head", "HTTP/1.1 200 OK\r\ncontent-le"],
    ["half a body", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"],
    ["half a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel"],
    ["no last chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"],
  ])("the end after %s is a reset, on a reused connection too", async (_name, answer) => {
    const server = await serve((socket, _request, index) => {
      if (index === 0) socket.write(ok("x"));
      else socket.end(answer);
    });
    const http = client();
    await text(ask(http, server.url));
    for (let i = 0; i < 2; i++)
      await expect(text(ask(http, server.url))).rejects.toMatchObject(failure("reset"));
  });
  test("a reset in a body read until close is no end of it", async () => {
    const server = await serve((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\nhello");
      setTimeout(() => socket.resetAndDestroy(), 20);
    });
    await expect(text(ask(client(), server.url))).rejects.toMatchObject(failure("reset"));
  });
  test("chunks that came before a reset are delivered before the failure", async () => {
    const server = await serve((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
      setTimeout(() => socket.resetAndDestroy(), 20);
    });
    const pieces: string[] = [];
    const response = await ask(client(), server.url);
    await expect(
      response.pipe((piece) => void pieces.push(Buffer.from(piece).toString())),
    ).rejects.toMatchObject(failure("reset"));
    expect(pieces.join("")).toBe("hello");
  });
  test("nobody listening is a failed connect: nothing was sent", async () => {
    const server = await rawServer(() => {});
    server.close();
    await Bun.sleep(10);
    await expect(ask(client(), server.url)).rejects.toMatchObject(failure("connect", false));
  });
  test("silence before the head and in the body is a timeout, bytes put it off", async () => {
    const server = await serve(async (socket, _request, index) => {
      if (index === 0) return;
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n");
      for (let i = 0; i < 6; i++) {
        await Bun.sleep(100);
        socket.write("x");
      }
    });
    const http = client();
    const begun = performance.now();
    await expect(ask(http, server.url, { idleTimeoutMs: 300 })).rejects.toMatchObject(failure("timeout"));
    expect(performance.now() - begun).toBeWithin(290, 600);
    const again = performance.now();
    await expect(text(ask(http, server.url, { idleTimeoutMs: 300 }))).rejects.toMatchObject(
      failure("timeout"),
    );
    expect(performance.now() - again).toBeWithin(850, 1300);
    expect(http.connectionCount).toBe(0);
  });
  test("a head that drips does not put the timeout off", async () => {
    const server = await serve(async (socket) => {
      for (let i = 0; i < 20 && !socket.destroyed; i++) {
        socket.write("H"); // never a status line either way
        await Bun.sleep(50);
      }
    });
    const begun = performance.now();
    await expect(ask(client(), server.url, { idleTimeoutMs: 200 })).rejects.toMatchObject(failure("timeout"));
    expect(performance.now() - begun).toBeLessThan(600);
  });
  test("a body beyond the limit is refused, by its length or as it comes, and the connection ends", async () => {
    const server = await serve((socket, _request, index) => {
      if (index === 0) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n");
      else if (index === 1) socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      else socket.write(ok("x".repeat(1001)));
      if (index === 1) for (let i = 0; i < 101; i++) setTimeout(() => socket.write("a\r\n0123456789\r\n"), i);
    });
    const http = client();
    for (let i = 0; i < 3; i++)
      await expect(text(ask(http, server.url, { bodyBytesMax: 1000 }))).rejects.toMatchObject(
        failure("too_large"),
      );
    expect(http.connectionCount).toBeLessThanOrEqual(1);
  });
  test("an address the guard refuses is not dialled", async () => {
    const server = await serve((socket) => socket.write(ok("x")));
    const http = new Http1Client(new OutboundGuard([]));
    expect(() => http.target(server.url)).toThrow(expect.objectContaining(failure("refused_address", false)));
    const rebinding = new Http1Client(new OutboundGuard([], async () => ["127.0.0.1"]));
    const url = `http://rebind.example:${new URL(server.url).port}/`;
    await expect(ask(rebinding, url)).rejects.toMatchObject(failure("refused_address", false));
    expect(server.connections).toHaveLength(0);
  });
  test("each address is tried in turn, and the checked one is dialled", async () => {
    const server = await serve((socket) => socket.write(ok("x")));
    let lookups = 0;
    const guard = new OutboundGuard(["loopback"], async () => {
      lookups++;
      return ["127.0.0.2", "::1", "127.0.0.1"];
    });
    const http = new Http1Client(guard);
    closers.push(() => http.close());
    expect(await text(ask(http, `http://name.example:${new URL(server.url).port}/`))).toBe("x");
    expect(lookups).toBe(1);
    expect(server.requests[0]).toContain("host: name.example:");
  });
  test("a resolver that hangs ends with the connect timeout", async () => {
    const http = new Http1Client(new OutboundGuard([], () => new Promise(() => {})), {
      connectTimeoutMs: 100,
    });
    await expect(ask(http, "http://slow.example/")).rejects.toMatchObject(failure("connect", false));
  });
});

describe("cancellation", () => {
  test("before, while connecting, before the head and in the body", async () => {
    const server = await serve((socket, request) => {
      if (request.startsWith("PUT")) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
    });
    const http = client();
    const before = new Cancellation();
    before.cancel("deadline");
    await expect(ask(http, server.url, { cancellation: before })).rejects.toMatchObject(
      failure("cancelled", false),
    );
    const connecting = new Cancellation();
    const pending = ask(http, server.url, { cancellation: connecting });
    connecting.cancel("deadline");
    await expect(pending).rejects.toMatchObject(failure("cancelled", false));
    const waiting = new Cancellation();
    const unanswered = ask(http, server.url, { cancellation: waiting });
    await until(() => server.requests.length === 1);
    waiting.cancel("client_gone");
    await expect(unanswered).rejects.toMatchObject(failure("cancelled"));
    const reading = new Cancellation();
    const body = text(ask(http, server.url, { method: "PUT", cancellation: reading }));
    await until(() => server.requests.length === 2);
    await Bun.sleep(20);
    reading.cancel("client_gone");
    await expect(body).rejects.toMatchObject(failure("cancelled"));
    expect(http.connectionCount).toBe(0);
    await until(() => server.connections.every((socket) => socket.destroyed));
  });
  test("after the answer changes nothing and keeps the connection", async () => {
    const server = await serve((socket) => socket.write(ok("x")));
    const http = client();
    const cancellation = new Cancellation();
    const response = await ask(http, server.url, { cancellation });
    cancellation.cancel("client_gone");
    response.abort();
    expect(response.text()).toBe("x");
    expect(http.connectionCount).toBe(1);
  });
  test("abort drops the connection and the pipe", async () => {
    const server = await serve((socket) => socket.write("HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n"));
    const response = await ask(client(), server.url);
    await expect(response.pipe(() => response.abort())).rejects.toMatchObject(failure("cancelled"));
    await until(() => server.connections[0]?.destroyed === true);
  });
  test("reaches a pipe whose consumer is stalled", async () => {
    const server = await serve((socket) => socket.write("HTTP/1.1 200 OK\r\n\r\ndata"));
    const cancellation = new Cancellation();
    const response = await ask(client(), server.url, { cancellation });
    const piping = response.pipe(() => new Promise(() => {}));
    cancellation.cancel("client_gone");
    await expect(piping).rejects.toMatchObject(failure("cancelled"));
  });
});

describe("the body", () => {
  test("is not read ahead of a slow consumer, and arrives whole", async () => {
    const total = 30_000_000;
    let written = 0;
    const server = await serve((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`);
      const piece = Buffer.alloc(100_000, 65);
      const go = () => {
        while (written < total) {
          written += piece.length;
          if (!socket.write(piece)) {
            socket.once("drain", go);
            return;
          }
        }
      };
      go();
    });
    const response = await ask(client(), server.url, { idleTimeoutMs: 300 });
    await Bun.sleep(500); // longer than the idle timeout: a pause of ours is not the server's silence
    const unread = written;
    expect(unread).toBeLessThan(total / 2);
    let received = 0;
    let first = true;
    await response.pipe(async (piece) => {
      received += piece.length;
      if (first) {
        first = false;
        await Bun.sleep(100);
        expect(written).toBeLessThan(total / 2 + 1_000_000);
      }
    });
    expect(received).toBe(total);
  });
  test("an error of the consumer comes out of the pipe and drops the connection", async () => {
    const server = await serve((socket) => socket.write("HTTP/1.1 200 OK\r\n\r\ndata"));
    const http = client();
    for (const consumer of [
      () => {
        throw new Error("mine");
      },
      () => Promise.reject(new Error("mine")),
    ])
      await expect((await ask(http, server.url)).pipe(consumer)).rejects.toThrow("mine");
    expect(http.connectionCount).toBe(0);
  });
  test("is taken once", async () => {
    const server = await serve((socket) => socket.write(ok("x")));
    const response = await ask(client(), server.url);
    response.text();
    expect(() => response.text()).toThrow("once");
  });

  const long = "häuser ".repeat(20_000);
  const codings: [string, Buffer][] = [
    ["gzip", gzipSync(long)],
    ["x-gzip", gzipSync(long)],
    ["deflate", deflateSync(long)],
    ["br", brotliCompressSync(long)],
  ];
  const coded = (coding: string, body: Buffer) =>
    Buffer.concat([
      Buffer.from(`HTTP/1.1 200 OK\r\ncontent-encoding: ${coding}\r\ncontent-length: ${body.length}\r\n\r\n`),
      body,
    ]);
  test.each(codings)("in %s, though not asked for, is decoded and bounded", async (coding, body) => {
    const server = await serve((socket) => socket.write(coded(coding, body)));
    const http = client();
    expect(await text(ask(http, server.url))).toBe(long);
    const pieces: Uint8Array[] = [];
    await (await ask(http, server.url)).pipe(async (piece) => {
      pieces.push(Uint8Array.from(piece));
      await Bun.sleep(1);
    });
    expect(Buffer.concat(pieces).toString()).toBe(long);
    await expect(text(ask(http, server.url, { bodyBytesMax: 10_000 }))).rejects.toMatchObject(
      failure("too_large"),
    );
    const mine = (await ask(http, server.url)).pipe(() => {
      throw new Error("mine");
    });
    await expect(mine).rejects.toThrow("mine");
  });
  test("damaged, cut or in an unknown coding is a protocol failure", async () => {
    const server = await serve((socket, request) => {
      if (request.startsWith("PUT")) socket.write(coded("gzip", Buffer.from("not gzip at all")));
      else if (request.startsWith("PATCH")) socket.write(coded("gzip", gzipSync(long).subarray(0, 50)));
      else socket.write(coded("zstd", Buffer.from("x")));
    });
    const http = client();
    for (const method of ["PUT", "PATCH", "POST"] as const) {
      await expect(text(ask(http, server.url, { method }))).rejects.toMatchObject(failure("protocol"));
      const piped = (await ask(http, server.url, { method })).pipe(() => {});
      await expect(piped).rejects.toMatchObject(failure("protocol"));
    }
  });
});

describe("real servers", () => {
  test("Bun.serve: bodies, streams, many calls on few connections", async () => {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        if (request.method === "GET")
          return new Response(
            new ReadableStream({
              async start(controller) {
                for (let i = 0; i < 5; i++) {
                  controller.enqueue(`data: ${i}\n\n`);
                  await Bun.sleep(5);
                }
                controller.close();
              },
            }),
            { headers: { "content-type": "text/event-stream" } },
          );
        return new Response(await request.text());
      },
    });
    closers.push(() => void server.stop(true));
    const http = client();
    const url = `http://127.0.0.1:${server.port}/`;
    for (const size of [0, 1, 1000, 70_000, 3_000_000]) {
      const body = "€".repeat(size);
      expect(await text(ask(http, url, { body, bodyBytesMax: 1e8 }))).toBe(body);
    }
    expect(await text(ask(http, url, { method: "GET", body: undefined }))).toBe(
      "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n",
    );
    expect(http.connectionCount).toBe(1);
    const bodies = Array.from({ length: 300 }, (_, i) => `body ${i}`);
    expect(await Promise.all(bodies.map((body) => text(ask(http, url, { body }))))).toEqual(bodies);
  });
  test("node:http: keep-alive, chunked, Expect-free large bodies", async () => {
    const server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8");
      request.on("data", (piece: string) => {
        body += piece;
      });
      request.on("end", () => {
        response.write(body.slice(0, 5));
        setTimeout(() => response.end(body.slice(5)), 2);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(() => server.close());
    const address = server.address();
    const http = client();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`;
    for (const body of ["hello world", "ü".repeat(500_000)])
      expect(await text(ask(http, url, { body, bodyBytesMax: 1e7 }))).toBe(body);
    expect(http.connectionCount).toBe(1);
  });
});
