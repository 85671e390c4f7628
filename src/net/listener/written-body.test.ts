import { afterEach, expect, test } from "bun:test";
import { AnswerWriter } from "./answer-writer.ts";
import { Http1Server } from "./http1-server.ts";
import { bodies, RawClient } from "./raw-client.testing.ts";
import type { RequestHead } from "./request-head.ts";
import { TextAnswer, type WrittenBody } from "./text-answer.ts";

const servers: Http1Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(0);
});

/** So many bytes that say whose they are. */
class Filled implements WrittenBody {
  readonly byteLength: number;
  readonly #sign: string;

  constructor(bytes: number, sign: string) {
    this.byteLength = bytes;
    this.#sign = sign;
  }
  writeInto(buffer: Buffer, at: number): void {
    buffer.fill(this.#sign, at, at + this.byteLength);
  }
  toString(): string {
    return this.#sign.repeat(this.byteLength);
  }
}

/** `/x/300` is answered with 300 times an x. */
function filling(): Http1Server {
  const server = new Http1Server({
    hostname: "127.0.0.1",
    port: 0,
    reusePort: false,
    idleMsMax: 75_000,
    tls: undefined,
    serve: async (request) => {
      const [, sign = "", bytes] = new URL(request.url).pathname.split("/");
      return new TextAnswer(200, { "x-sign": sign }, new Filled(Number(bytes), sign));
    },
    refuse: (error) => new TextAnswer(error.httpStatus, {}, error.message),
    onFault: (cause) => {
      throw cause;
    },
  });
  servers.push(server);
  return server;
}
const get = (path: string, method = "GET") => `${method} ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;

test("a HEAD says how long it would be", async () => {
  const client = new RawClient(filling());
  client.send(get("/x/70000", "HEAD") + get("/y/3"));
  const text = await client.until("yyy");
  expect(text).toMatch(/^HTTP\/1.1 200 .*content-length: 70000\r\n.*\r\n\r\nHTTP\/1.1 200 /s);
});

test("answers the system does not take at once keep their bytes while others are written", async () => {
  const server = filling();
  const slow = Array.from("abcdef", (sign) => ({ sign, client: new RawClient(server) }));
  const bytes = 6_000_000;
  for (const { sign, client } of slow) {
    client.socket.pause();
    client.send(get(`/${sign}/${bytes}`) + get(`/${sign}/5`));
  }
  await Bun.sleep(50);
  const quick = new RawClient(server);
  for (let n = 1; n <= 20; n++) {
    quick.send(get(`/z/${n * 10_000}`));
    await quick.until(new RegExp(`content-length: ${n * 10_000}\r\n`));
  }
  // Some leave in the middle of their answer: what it lay in is another's then.
  for (const { client } of slow.splice(0, 2)) client.socket.destroy();
  for (const { client } of slow) client.socket.resume();
  for (const { sign, client } of slow) {
    await client.until(`content-length: 5\r\n`, 20_000);
    await client.until(new RegExp(`${sign}{5}$`));
    expect(bodies(client.text).map((body) => body === sign.repeat(body.length) && body.length)).toEqual([
      bytes,
      5,
    ]);
  }
  await quick.until(/z{200000}$/);
  expect(bodies(quick.text).map(({ length }) => length)).toEqual(
    Array.from({ length: 20 }, (_, n) => (n + 1) * 10_000),
  );
});

test.each([0, 1, 100_000, 900_000])(
  "a rest of %d bytes arrives as it was, whatever is written meanwhile",
  (rest) => {
    const bytes = 1_000_000;
    const asked = { method: "GET", isHttp11: true } as RequestHead;
    const writerOf = (sign: string, leaves: number) => {
      const taken: Buffer[] = [];
      let room = bytes - leaves;
      const write = (data: string | Uint8Array) => {
        const piece = Buffer.from(data as Uint8Array).subarray(0, room);
        room -= piece.length;
        taken.push(piece);
        return piece.length;
      };
      const fail = () => {
        throw new Error("the connection is whole");
      };
      const writer = new AnswerWriter({ write }, fail, fail);
      let sent = 0;
      writer.send(new TextAnswer(200, {}, new Filled(bytes, sign)), asked, true, () => sent++);
      const finish = () => {
        room = Number.POSITIVE_INFINITY;
        writer.drain();
        return [sent, Buffer.concat(taken).toString().split("\r\n\r\n")[1]];
      };
      return finish;
    };
    const first = writerOf("a", rest);
    const others = ["b", "c", "d"].map((sign) => writerOf(sign, 500_000));
    expect(first()).toEqual([1, "a".repeat(bytes)]);
    for (const [index, finish] of others.entries())
      expect(finish()).toEqual([1, "bcd"[index]?.repeat(bytes)]);
  },
);
