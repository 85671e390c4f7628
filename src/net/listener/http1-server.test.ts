import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { IncomingRequest } from "../../model/incoming-request.ts";
import { readText } from "../request-body.ts";
import { Http1Server } from "./http1-server.ts";
import { bodies, RawClient } from "./raw-client.testing.ts";
import { type HttpAnswer, TextAnswer } from "./text-answer.ts";

const BODY = { bytesMax: 1_000_000, timeoutMs: 30_000 };
const HOST = "host: localhost\r\n";
const servers: Http1Server[] = [];
const faults: unknown[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(0);
  expect(faults.splice(0)).toEqual([]);
});

function serving(
  serve: (request: IncomingRequest, address: string) => HttpAnswer | Promise<HttpAnswer>,
  tls?: { readonly keyPath: string; readonly certPath: string },
) {
  const server = new Http1Server({
    hostname: "127.0.0.1",
    port: 0,
    reusePort: false,
    idleMsMax: 75_000,
    tls,
    serve: async (request, address) => serve(request, address),
    refuse: (error) => new TextAnswer(error.httpStatus, {}, error.message),
    onFault: (cause) => faults.push(cause),
  });
  servers.push(server);
  return server;
}
/** Says what it got. */
const echo = () =>
  serving(async (request) => {
    const body =
      request.body === null && !request.headers.has("content-length") ? "" : await readText(request, BODY);
    return new TextAnswer(200, { "x-method": request.method }, `${new URL(request.url).pathname} ${body}`);
  });

const post = (path: string, body: string, more = "") =>
  `POST ${path} HTTP/1.1\r\n${HOST}${more}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe("requests", () => {
  test("cut anywhere, or sent all at once, are answered in their order", async () => {
    const server = echo();
    const chunked = `POST /c HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: u\r\n\r\n`;
    const wire = `${post("/a", "one")}\r\n${post("/b", "zw\u00f6lf")}${chunked}GET /d HTTP/1.1\r\n${HOST}\r\n`;
    const bytes = Buffer.from(wire);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 12 }), async (places) => {
        const client = new RawClient(server);
        let from = 0;
        for (const at of [...places.sort((a, b) => a - b), bytes.length]) {
          client.send(bytes.subarray(from, at));
          from = at;
          await Bun.sleep(0);
        }
        await client.until("/d ");
        expect(bodies(client.text)).toEqual([
          "/a one",
          Buffer.from("/b zw\u00f6lf").toString("latin1"),
          "/c abcde",
          "/d ",
        ]);
        client.socket.destroy();
      }),
      { numRuns: 40 },
    );
  });

  test("the next one waits for the answer of the one before, however fast it is", async () => {
    const server = serving(async (request) => {
      const path = new URL(request.url).pathname;
      if (path === "/slow") await Bun.sleep(60);
      return new TextAnswer(200, {}, path);
    });
    const client = new RawClient(server);
    client.send(`GET /slow HTTP/1.1\r\n${HOST}\r\n`.repeat(2) + `GET /fast HTTP/1.1\r\n${HOST}\r\n`);
    await client.until("/fast");
    expect(bodies(client.text)).toEqual(["/slow", "/slow", "/fast"]);
    client.socket.destroy();
  });

  test("many, far ahead of their answers, are read no faster than they are answered", async () => {
    let served = 0;
    const server = serving(async () => {
      served++;
      await Bun.sleep(1);
      return new TextAnswer(200, {}, "x");
    });
    const client = new RawClient(server);
    const one = `GET /${"p".repeat(2_000)} HTTP/1.1\r\n${HOST}\r\n`;
    client.send(one.repeat(600));
    client.send(`GET /last HTTP/1.1\r\n${HOST}connection: close\r\n\r\n`);
    expect(bodies(await client.closed)).toHaveLength(601);
    expect(served).toBe(601);
  });

  test("what is no request gets 400 and ends the connection; what came before it was answered", async () => {
    const server = echo();
    const client = new RawClient(server);
    client.send(post("/a", "one"));
    await client.until("/a one");
    client.send(`GET /b HTTP/1.1\r\n${HOST}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n`);
    const text = await client.closed;
    expect(text).toContain("HTTP/1.1 400 Bad Request");
    expect(text).toContain("both Transfer-Encoding and Content-Length");
    expect(text).toContain("connection: close");
  });

  test("a chunked body that is none gets 400, and nothing behind it is a request", async () => {
    let served = 0;
    const server = serving(async (request) => {
      served++;
      return new TextAnswer(200, {}, await readText(request, BODY));
    });
    const client = new RawClient(server);
    client.send(
      `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\nzz\r\nGET /smuggled HTTP/1.1\r\n${HOST}\r\n`,
    );
    expect(await client.closed).toStartWith("HTTP/1.1 400");
    expect(served).toBe(0);
  });

  test("a head without an end is refused at its bound", async () => {
    const client = new RawClient(echo());
    client.send(`GET / HTTP/1.1\r\n${HOST}x: ${"y".repeat(70_000)}`);
    expect(await client.closed).toContain("its head is too long");
  });

  test("who asks whether to send the body is told so when somebody reads it, and not when nobody does", async () => {
    const server = serving(async (request) => {
      if (request.headers.get("authorization") === null) return new TextAnswer(401, {}, "no");
      return new TextAnswer(200, {}, await readText(request, BODY));
    });
    const expecting = `${HOST}expect: 100-continue\r\ncontent-length: 4\r\n`;
    const asked = new RawClient(server);
    asked.send(`POST / HTTP/1.1\r\nauthorization: x\r\n${expecting}\r\n`);
    await asked.until("HTTP/1.1 100 Continue\r\n\r\n");
    asked.send("body");
    await asked.until("\r\n\r\nbody");
    asked.socket.destroy();
    const refused = new RawClient(server);
    refused.send(`POST / HTTP/1.1\r\n${expecting}\r\n`);
    expect(await refused.until("no")).toStartWith("HTTP/1.1 401");
    expect(refused.text).toContain("connection: close");
    refused.socket.destroy();
  });

  test("HTTP/1.0 gets one answer, a stream until the connection's end", async () => {
    const server = serving((request) =>
      request.url.endsWith("/stream")
        ? new Response(new Blob(["one", "two"]).stream(), { headers: { "content-type": "text/plain" } })
        : new TextAnswer(200, {}, "whole"),
    );
    const whole = new RawClient(server);
    whole.send("GET / HTTP/1.0\r\n\r\n");
    expect(await whole.closed).toEndWith("whole");
    const stream = new RawClient(server);
    stream.send("GET /stream HTTP/1.0\r\n\r\n");
    const text = await stream.closed;
    expect(text).toEndWith("\r\n\r\nonetwo");
    expect(text).not.toContain("chunked");
  });

  test("HEAD gets the head alone", async () => {
    const client = new RawClient(echo());
    client.send(`HEAD /x HTTP/1.1\r\n${HOST}\r\n${post("/y", "z")}`);
    const text = await client.until("/y z");
    expect(text).toMatch(
      /^HTTP\/1\.1 200 OK\r\n(.+\r\n)*content-length: 3\r\n(.+\r\n)*\r\nHTTP\/1\.1 200 OK\r\n/,
    );
    client.socket.destroy();
  });

  test("the address is the socket's", async () => {
    const server = serving((_, address) => new TextAnswer(200, {}, address));
    expect(await (await fetch(`http://127.0.0.1:${server.port}/`)).text()).toBe("127.0.0.1");
  });
});

describe("bodies", () => {
  test("a body nobody reads is thrown away, and the connection serves on where that is little", async () => {
    const server = serving(() => new TextAnswer(403, {}, "no"));
    const client = new RawClient(server);
    client.send(post("/", "x".repeat(30_000)) + post("/", "y"));
    await client.until(/no[^]*no$/);
    client.socket.destroy();
    const long = new RawClient(server);
    long.send(`POST / HTTP/1.1\r\n${HOST}content-length: 9000000000\r\n\r\n${"x".repeat(100_000)}`);
    expect(await long.until("no")).toContain("connection: close");
    // It goes on to send, and can still read its answer.
    for (let i = 0; i < 20; i++) long.send("x".repeat(10_000));
    await Bun.sleep(50);
    expect(long.socket.destroyed).toBe(false);
    long.socket.destroy();
  });

  test("more than is asked for stays with the system: an unread body is held up, not piled up", async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const server = serving(async (request) => {
      await go;
      return new TextAnswer(200, {}, String((await readText(request, { ...BODY, bytesMax: 1e9 })).length));
    });
    const client = new RawClient(server);
    const bytes = 30_000_000;
    client.send(`POST / HTTP/1.1\r\n${HOST}content-length: ${bytes}\r\n\r\n`);
    client.send(Buffer.alloc(bytes, "x"));
    await Bun.sleep(200);
    // Node's writable side still holds what the gateway did not take.
    expect(client.socket.writableLength).toBeGreaterThan(1_000_000);
    resolve();
    expect(await client.until(String(bytes), 20_000)).toContain("200 OK");
    client.socket.destroy();
  });

  test("a client that leaves in the middle of its body is told to the reader", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const server = serving(async (request) => {
      await Promise.resolve(readText(request, BODY)).catch(resolve);
      return new TextAnswer(200, {}, "");
    });
    const client = new RawClient(server);
    client.send(`POST / HTTP/1.1\r\n${HOST}content-length: 10\r\n\r\nabc`);
    await Bun.sleep(20);
    client.socket.destroy();
    expect(await promise).toMatchObject({ code: "request_timeout" });
  });

  test("a text beyond ASCII keeps its bytes, its order mark is none of it", async () => {
    const server = echo();
    const answer = await fetch(`http://127.0.0.1:${server.port}/t`, {
      method: "POST",
      body: "\ufeff\u20ac \ud83d\ude80",
    });
    expect(await answer.text()).toBe("/t \u20ac \ud83d\ude80");
  });
});

describe("answers", () => {
  test("a stream arrives piece by piece; its reader's leaving cancels it", async () => {
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    const server = serving(
      (request) =>
        new Response(
          new ReadableStream<Uint8Array>({
            start: (opened) => {
              controller = opened;
              request.signal.addEventListener("abort", () => resolve());
            },
          }),
        ),
    );
    const client = new RawClient(server);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await client.until("transfer-encoding: chunked");
    controller?.enqueue(Buffer.from("one"));
    await client.until("3\r\none\r\n");
    client.socket.destroy();
    await cancelled;
  });

  test("a stream whose source breaks off does not pass for the whole", async () => {
    const server = serving(
      () =>
        new Response(
          new ReadableStream<Uint8Array>({
            pull: (controller) => {
              controller.enqueue(Buffer.from("part"));
              controller.error(new Error("gone"));
            },
          }),
        ),
    );
    const client = new RawClient(server);
    client.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    expect(await client.closed).not.toContain("\r\n0\r\n");
  });

  test("larger than the system takes at once, to a reader that takes its time, arrive whole", async () => {
    const text = "0123456789".repeat(1_200_000);
    const server = serving((request) =>
      request.url.endsWith("/s") ? new Response(new Blob([text]).stream()) : new TextAnswer(200, {}, text),
    );
    for (const path of ["/t", "/s"]) {
      const answer = await fetch(`http://127.0.0.1:${server.port}${path}`);
      await Bun.sleep(100);
      expect(await answer.text()).toBe(text);
    }
  }, 20_000);

  test("no value ends its line, whatever is in it", async () => {
    const server = serving(
      () => new TextAnswer(200, { "x-a": "1\r\nset-cookie: b\u00e9\0", date: "never" }, "ok"),
    );
    const answer = await fetch(`http://127.0.0.1:${server.port}/`);
    expect(answer.headers.get("x-a")).toBe("1??set-cookie: b??");
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(Math.abs(Date.parse(answer.headers.get("date") ?? "") - Date.now())).toBeLessThan(3_000);
  });

  test("a handler that fails breaks the connection off, and no other", async () => {
    const server = serving((request) => {
      if (request.url.endsWith("/bad")) throw new Error("no");
      return new TextAnswer(200, {}, "good");
    });
    const bad = new RawClient(server);
    bad.send(`GET /bad HTTP/1.1\r\n${HOST}\r\n`);
    expect(await bad.closed).toBe("");
    expect(await (await fetch(`http://127.0.0.1:${server.port}/`)).text()).toBe("good");
  });
});

describe("TLS", () => {
  test("the same over an encrypted connection", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mcp-gateway-tls-"));
    const [keyPath, certPath] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const made = Bun.spawnSync([
      ..."openssl req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost".split(
        " ",
      ),
      ...["-addext", "subjectAltName=DNS:localhost", "-keyout", keyPath, "-out", certPath],
    ]);
    expect(made.exitCode).toBe(0);
    const server = serving(
      async (request) => new TextAnswer(200, {}, `${request.url} ${(await readText(request, BODY)).length}`),
      { keyPath, certPath },
    );
    const tls = { ca: readFileSync(certPath, "utf8") };
    const at = `https://localhost:${server.port}/x`;
    for (const body of ["y".repeat(3_000_000), "z"].map((text) => text.slice(0, 900_000))) {
      const answer = await fetch(at, { method: "POST", body, tls });
      expect(await answer.text()).toBe(`${at} ${body.length}`);
    }
    const plain = new RawClient(server);
    plain.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    expect(await plain.closed).not.toContain("200");
    rmSync(folder, { recursive: true });
  });
});

describe("the end", () => {
  test("idle connections close at once, one under way after its answer, and a late one with the time", async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const server = serving(async (request) => {
      if (request.url.endsWith("/never")) await new Promise(() => {});
      await go;
      return new TextAnswer(200, {}, "done");
    });
    const [idle, busy, never] = [new RawClient(server), new RawClient(server), new RawClient(server)];
    busy.send(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    never.send(`GET /never HTTP/1.1\r\n${HOST}\r\n`);
    await Bun.sleep(50);
    const stopped = server.stop(400);
    expect(await idle.closed).toBe("");
    resolve();
    const text = await busy.closed;
    expect(text).toContain("connection: close");
    expect(text).toEndWith("done");
    await stopped;
    expect(await never.closed).toBe("");
  });
});
