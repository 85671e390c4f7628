import { afterEach, describe, expect, test } from "bun:test";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { ask, client, closeAll, failure, ok, serve, text } from "./client-harness.testing.ts";

afterEach(closeAll);

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
