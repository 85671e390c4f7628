import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { ask, client, closeAll, closers, ok, serve, text } from "./client-harness.testing.ts";

afterEach(closeAll);

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

describe("a header block", () => {
  test.each([
    "a: b",
    "a: b\n",
    "a: b\r\n\r\n",
    "\r\n",
    "a: b\r\n\r\nGET / HTTP/1.1\r\n",
    "a: b\rc: d\r\n",
    "a: é\r\n",
    ": b\r\n",
    " a: b\r\n",
  ])("that could forge a request is refused: %j", (headerBlock) => {
    expect(() => ask(client(), "http://127.0.0.1:1/", { headerBlock })).toThrow(TypeError);
  });
});
