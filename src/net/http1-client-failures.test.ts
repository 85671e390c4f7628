import { afterEach, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { Cancellation } from "../model/cancellation.ts";
import { ask, client, closeAll, closers, failure, ok, serve, text, until } from "./client-harness.testing.ts";
import { Http1Client } from "./http1-client.ts";
import { OutboundGuard } from "./outbound-guard.ts";
import { rawServer } from "./raw-server.testing.ts";

afterEach(closeAll);

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
  test("by abort in the midst of queued chunks delivers no further one", async () => {
    const server = await serve((socket) =>
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n"),
    );
    const response = await ask(client(), server.url);
    let delivered = 0;
    const piping = response.pipe(() => {
      delivered++;
      response.abort();
    });
    await expect(piping).rejects.toMatchObject(failure("cancelled"));
    expect(delivered).toBe(1);
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
