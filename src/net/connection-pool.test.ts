import { afterEach, describe, expect, test } from "bun:test";
import { ask, client, closeAll, ok, serve, text, until } from "./client-harness.testing.ts";

afterEach(closeAll);

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
  test("are not used again where the answer came before the request had left", async () => {
    const server = await serve(
      () => {},
      (socket) => {
        socket.pause();
        socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n");
      },
    );
    const http = client();
    const response = await ask(http, server.url, { body: "x".repeat(20_000_000) });
    expect(response.status).toBe(413);
    expect(http.connectionCount).toBe(0);
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
