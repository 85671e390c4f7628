import { afterEach, describe, expect, setSystemTime, test } from "bun:test";
import { readdirSync } from "node:fs";
import type { IncomingRequest } from "../../model/incoming-request.ts";
import { readText } from "../request-body.ts";
import { Http1Server } from "./http1-server.ts";
import { bodies, RawClient } from "./raw-client.testing.ts";
import { type HttpAnswer, TextAnswer } from "./text-answer.ts";

const HOST = "host: localhost\r\n";
const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\n${HOST}${more}\r\n`;
const servers: Http1Server[] = [];
const faults: unknown[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(0);
  expect(faults.splice(0)).toEqual([]);
});

function serving(
  serve: (request: IncomingRequest) => HttpAnswer | Promise<HttpAnswer>,
  stalledMsMax = 60_000,
) {
  const server = new Http1Server({
    ...{ hostname: "127.0.0.1", port: 0, reusePort: false, tls: undefined, idleMsMax: 75_000, stalledMsMax },
    // Not async: what it throws, it throws at once.
    serve: (request) => Promise.resolve(serve(request)),
    refuse: (error) => new TextAnswer(error.httpStatus, {}, error.message),
    onFault: (cause) => faults.push(cause),
  });
  servers.push(server);
  return server;
}
const path = (request: IncomingRequest) => new URL(request.url).pathname;
const openFiles = () => readdirSync("/proc/self/fd").length;

describe("a client that shuts its writing side", () => {
  test("gets the answers to all that it sent whole, and is told to who serves it", async () => {
    let isToldOf = false;
    const server = serving(async (request) => {
      request.signal.addEventListener("abort", () => {
        isToldOf = true;
      });
      await Bun.sleep(40);
      return new TextAnswer(200, {}, path(request));
    });
    const client = new RawClient(server);
    client.socket.end(get("/a") + get("/b") + get("/c"));
    expect(bodies(await client.closed)).toEqual(["/a", "/b", "/c"]);
    expect(isToldOf).toBe(true);
  });

  test("gets all of an answer that is larger than the system takes at once, and a stream that begins then", async () => {
    const text = "é".repeat(5_000_000);
    const server = serving(async (request) => {
      if (path(request) !== "/s") return new TextAnswer(200, {}, text);
      await Bun.sleep(40);
      return new Response(new Blob([text]).stream());
    });
    const client = new RawClient(server);
    client.socket.end(get("/t"));
    expect((await client.closed).length).toBeGreaterThan(10_000_000);
    const stream = new RawClient(server);
    stream.socket.end(get("/s"));
    expect((await stream.closed).slice(-7)).toBe("\r\n0\r\n\r\n");
  }, 20_000);

  test("in the middle of a head or a body is let go at once, and its body's reader is told", async () => {
    const { promise: failed, resolve } = Promise.withResolvers<unknown>();
    const server = serving(async (request) => {
      await Promise.resolve(readText(request, { bytesMax: 1_000, timeoutMs: 30_000 })).catch(resolve);
      return new TextAnswer(200, {}, "");
    });
    for (const part of ["", "GET / HT", `POST / HTTP/1.1\r\n${HOST}content-length: 10\r\n\r\nabc`]) {
      const client = new RawClient(server);
      client.socket.end(part);
      expect(await client.closed).toBe("");
    }
    expect(await failed).toMatchObject({ code: "request_timeout" });
  });

  test("ends the stream it reads: it has left, as a rule", async () => {
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    const server = serving(() => new Response(new ReadableStream({ cancel: () => resolve() })));
    const client = new RawClient(server);
    client.send(get("/"));
    await client.until("chunked");
    client.socket.end();
    await cancelled;
  });
});

describe("what a client cannot hold up", () => {
  test.each([
    ["TLS where none is spoken", "\x16\x03\x01\x02\x00\x01\x00"],
    ["lines without CR", "GET / HTTP/1.0\n"],
    ["a host that would be part of the path", "GET /mcp HTTP/1.1\r\nhost: x/admin?\r\n\r\n"],
  ])("%s is refused at once", async (_, text) => {
    const client = new RawClient(serving(() => new TextAnswer(200, {}, "served")));
    client.send(Buffer.from(text, "latin1"));
    expect(await client.closed).toStartWith("HTTP/1.1 400");
  });

  test("of what a client sent ahead, no more is served once it has left", async () => {
    let served = 0;
    const server = serving(async () => {
      served++;
      await Bun.sleep(1);
      return new TextAnswer(200, {}, "x");
    });
    const client = new RawClient(server);
    client.send(get("/").repeat(10_000));
    await client.until("x");
    client.socket.resetAndDestroy();
    await client.closed;
    await Bun.sleep(50);
    const servedByThen = served;
    await Bun.sleep(200);
    expect(served).toBe(servedByThen);
    expect(served).toBeLessThan(1_000);
  });

  test("ten thousand connections, left in every state, leave nothing open", async () => {
    const server = serving(async (request) => {
      if (path(request) === "/slow") await Bun.sleep(20);
      return path(request) === "/s"
        ? new Response(new ReadableStream({ pull: () => new Promise(() => {}) }))
        : new TextAnswer(200, {}, "x".repeat(200_000));
    });
    const before = openFiles();
    const states = ["", "GET / HT", get("/"), get("/slow"), get("/s"), `${get("/slow")}GET`, "no\n"];
    const clients: RawClient[] = [];
    for (let i = 0; i < 10_000; i++) {
      const client = new RawClient(server);
      client.send(states[i % states.length] as string);
      clients.push(client);
      if (i % 2 === 0) client.socket.on("connect", () => client.socket.resetAndDestroy());
      else client.socket.on("connect", () => setImmediate(() => client.socket.destroy()));
      if (clients.length >= 50) await Promise.all(clients.splice(0).map(({ closed }) => closed));
    }
    for (let i = 0; openFiles() > before && i < 100; i++) await Bun.sleep(50);
    expect(openFiles()).toBeLessThanOrEqual(before);
  }, 60_000);
});

describe("a handler that breaks its word", () => {
  test.each([
    ["throws at once", "throws"],
    ["answers with a stream that somebody reads", "locked"],
    ["answers with a stream of no bytes", "text"],
    ["answers with nothing", "nothing"],
  ])("%s: the connection is broken off", async (_, how) => {
    const server = serving(() => {
      if (how === "throws") throw new Error("no");
      if (how === "nothing") return undefined as unknown as HttpAnswer;
      const stream = new ReadableStream({
        start: (controller) => controller.enqueue("no bytes"),
      });
      if (how === "locked") stream.getReader();
      return new Response(stream);
    });
    const client = new RawClient(server);
    client.send(get("/"));
    expect(await client.closed).not.toContain("no bytes");
    expect(client.socket.destroyed).toBe(true);
    // What reaches no answer is told to whoever keeps the log.
    expect(faults.splice(0).length).toBe(how === "throws" || how === "locked" ? 1 : 0);
  });
});

describe("connections that live on", () => {
  test("HTTP/1.0 is told that it does: it would wait for the end otherwise", async () => {
    const client = new RawClient(serving((request) => new TextAnswer(200, {}, path(request))));
    client.send("GET /a HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n");
    expect(await client.until("/a")).toContain("\r\nconnection: keep-alive\r\n");
    client.send("GET /b HTTP/1.0\r\n\r\n");
    expect(await client.closed).toContain("\r\nconnection: close\r\n");
  });

  test("whoever asks whether to send a body, and sends it at once or has none, may go on", async () => {
    const server = serving(async (request) => new TextAnswer(200, {}, `<${await request.text()}>`));
    const client = new RawClient(server);
    client.send(get("/", "expect: 100-continue\r\n"));
    await client.until("<>");
    client.send(`POST / HTTP/1.1\r\n${HOST}expect: 100-continue\r\ncontent-length: 2\r\n\r\nhi${get("/")}`);
    await client.until(/<hi>[^]*<>/);
    expect(client.text).not.toContain("connection: close");
    expect(client.text).not.toContain("100 Continue");
    client.socket.destroy();
  });

  test("the date is the clock's, set back too", async () => {
    const client = new RawClient(serving(() => new TextAnswer(200, {}, "x")));
    const dates = ["Thu, 01 Jan 2099 00:00:00 GMT", "Wed, 31 Dec 2098 23:59:00 GMT"];
    try {
      for (const date of dates) {
        setSystemTime(new Date(date));
        client.send(get("/"));
        await client.until(`date: ${date}\r\n`);
      }
    } finally {
      setSystemTime();
    }
    client.socket.destroy();
  });

  test("a length is the bytes that go out, of any text", async () => {
    const texts = ["é".repeat(100), "a\ud800b\udc00", "\ud83d\ude80", "\ud83d", "x"];
    const client = new RawClient(
      serving((request) => new TextAnswer(200, {}, texts[Number(path(request).slice(1))] as string)),
    );
    client.send(texts.map((_, i) => get(`/${i}`)).join(""));
    await client.until(/x$/);
    expect(bodies(client.text)).toEqual(texts.map((text) => Buffer.from(text).toString("latin1")));
    client.socket.destroy();
  });
});

describe("a stream's reader", () => {
  const flood = () =>
    new Response(
      new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(Buffer.alloc(100_000, "x")),
      }),
    );

  test("who takes nothing of what is there is not waited for for ever", async () => {
    const server = serving(flood, 300);
    const client = new RawClient(server);
    client.socket.pause();
    client.send(get("/"));
    await Bun.sleep(800);
    client.socket.resume();
    expect(await client.closed).not.toEndWith("0\r\n\r\n");
  });

  test("who takes a little now and then is, and so is one for whom nothing is there", async () => {
    const server = serving(
      (request) => (path(request) === "/quiet" ? new Response(new ReadableStream<Uint8Array>()) : flood()),
      300,
    );
    const [slow, quiet] = [new RawClient(server), new RawClient(server)];
    slow.send(get("/"));
    quiet.send(get("/quiet"));
    const end = performance.now() + 1_000;
    while (performance.now() < end) {
      slow.socket.pause();
      await Bun.sleep(50);
      slow.socket.resume();
      await Bun.sleep(20);
    }
    expect([slow.socket.destroyed, quiet.socket.destroyed]).toEqual([false, false]);
    slow.socket.destroy();
    quiet.socket.destroy();
  });
});
