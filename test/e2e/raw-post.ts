import { connect } from "node:net";

const PIECE_BYTES = 64 * 1024;
const piece = Buffer.alloc(PIECE_BYTES, "x");
const chunk = Buffer.concat([Buffer.from(`${PIECE_BYTES.toString(16)}\r\n`), piece, Buffer.from("\r\n")]);

export interface RawAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
}

export interface RawPost {
  readonly port: number;
  readonly path: string;
  /** `content-length`, true or not, or `transfer-encoding: chunked` among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of body sent at most, in pieces of 64 KiB, as fast as they are taken. */
  readonly bodyBytes: number;
  /** Goes on sending when the answer is there. */
  readonly sendsAll?: boolean;
}

/**
 * A POST over a bare socket, by a client that minds nothing. Resolves with the answer, or with `undefined` where the
 * connection ended without one.
 */
export function rawPost(post: RawPost): Promise<RawAnswer | undefined> {
  const { port, path, headers, bodyBytes, sendsAll = false } = post;
  const next = headers["transfer-encoding"] === "chunked" ? chunk : piece;
  const { promise, resolve } = Promise.withResolvers<RawAnswer | undefined>();
  let answer: RawAnswer | undefined;
  let got = "";
  let sent = 0;
  const lines = Object.entries({ host: `localhost:${port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const socket = connect(port, "127.0.0.1", () => {
    socket.write(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
    more();
  });
  const more = (): void => {
    while (sent < bodyBytes) {
      sent += PIECE_BYTES;
      if (!socket.write(next)) return;
    }
    if (sendsAll) socket.destroy();
  };
  socket.on("drain", more);
  socket.on("data", (bytes) => {
    got = (got + bytes.toString("latin1")).slice(0, 64 * 1024);
    answer ??= readAnswer(got);
    if (answer !== undefined && !sendsAll) socket.destroy();
  });
  socket.on("error", () => {});
  socket.on("close", () => resolve(answer));
  return promise;
}

function readAnswer(got: string): RawAnswer | undefined {
  const end = got.indexOf("\r\n\r\n");
  const length = Number(/^content-length: (\d+)/im.exec(got)?.[1] ?? 0);
  if (end === -1 || got.length < end + 4 + length) return undefined;
  return {
    status: Number(got.slice(9, 12)),
    contentType: /^content-type: ([^;\r]+)/im.exec(got.slice(0, end))?.[1],
    text: got.slice(end + 4, end + 4 + length),
  };
}
