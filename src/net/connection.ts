import { ByteBuffer } from "../protocol/byte-buffer.ts";
import { ChunkedDecoder } from "./chunked-decoder.ts";
import type { Deadline, DeadlineScan } from "./deadline-scan.ts";
import type { Exchange, ExchangeLink } from "./exchange.ts";
import { MalformedMessage } from "./header-syntax.ts";
import { HttpFailure } from "./http-exchange.ts";
import { HEAD_BYTES_MAX, LastHead, parseHead, type ResponseHead } from "./response-head.ts";

/** A head found whole within this many bytes is cut out without looking at the rest of the chunk. */
const HEAD_GUESS_BYTES = 2 * 1024;
/** Longer requests are encoded once, up front, as the socket will not take them in one write. */
const STRING_WRITE_MAX = 64 * 1024;

export interface ConnectionOwner {
  /** The exchange is over and the connection may serve another. */
  released(connection: Connection, keepAliveS: number): void;
  closed(connection: Connection): void;
}

export type ClientSocket = Bun.Socket<Connection>;

type BodyState = "none" | "length" | "chunked" | "until_close";

/**
 * One HTTP/1.1 connection with at most one exchange at a time (no pipelining). Bytes that belong to no exchange end it,
 * so nothing a server sends early can become the answer to a later request.
 */
export class Connection implements ExchangeLink, Deadline {
  readonly bornAtMs = performance.now();
  expiresAtMs = Number.POSITIVE_INFINITY;
  readonly #owner: ConnectionOwner;
  readonly #scan: DeadlineScan;
  readonly #socket: ClientSocket;
  #exchange: Exchange | undefined;
  #served = 0;
  #closed = false;
  #paused = false;
  #unsent: Buffer | undefined;
  #sawBytes = false;
  #headBytes = 0;
  readonly #partialHead = new ByteBuffer();
  readonly #lastHead = new LastHead();
  #head: ResponseHead | undefined;
  #body: BodyState = "none";
  #remaining = 0;
  #decoder: ChunkedDecoder | undefined;

  constructor(socket: ClientSocket, owner: ConnectionOwner, scan: DeadlineScan) {
    this.#socket = socket;
    this.#owner = owner;
    this.#scan = scan;
    scan.add(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends a request on a connection that is idle. `text` is the whole message, of `bytes` bytes as UTF-8. */
  run(exchange: Exchange, text: string, bytes: number): void {
    this.#exchange = exchange;
    this.#sawBytes = false;
    this.#headBytes = 0;
    this.#head = undefined;
    exchange.attach(this);
    this.#arm();
    const data = bytes > STRING_WRITE_MAX ? Buffer.from(text) : text;
    const written = this.#socket.write(data);
    exchange.sent = written > 0;
    if (written >= bytes) return;
    if (written < 0) {
      this.#lose(undefined);
      return;
    }
    this.#unsent = (typeof data === "string" ? Buffer.from(data) : data).subarray(written);
  }

  // Socket events.

  drain(): void {
    if (this.#unsent === undefined) return;
    const written = this.#socket.write(this.#unsent);
    if (written <= 0) return;
    if (this.#exchange !== undefined) this.#exchange.sent = true;
    this.#unsent = written >= this.#unsent.length ? undefined : this.#unsent.subarray(written);
    if (!this.#paused) this.#arm();
  }

  received(chunk: Buffer): void {
    const exchange = this.#exchange;
    if (this.#closed) return;
    if (exchange === undefined) {
      this.drop();
      return;
    }
    this.#sawBytes = true;
    try {
      if (this.#head === undefined) this.#receiveHead(exchange, chunk);
      else this.#receiveBody(exchange, this.#head, chunk, 0);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#fail(new HttpFailure("protocol", `The answer is not valid HTTP/1.1: ${error.message}.`, true));
    }
  }

  /** The peer ended or reset the connection, or it failed. */
  lost(cause: Error | undefined): void {
    if (this.#closed) return;
    const exchange = this.#exchange;
    if (exchange !== undefined && this.#head !== undefined && this.#body === "until_close" && !cause) {
      this.#close();
      exchange.end();
      return;
    }
    this.#lose(cause);
  }

  expire(): void {
    if (this.#exchange === undefined) this.drop();
    else this.#fail(new HttpFailure("timeout", "The server was silent for too long.", this.#exchange.sent));
  }

  // For the exchange and the pool.

  pause(): void {
    if (this.#paused || this.#closed) return;
    this.#paused = true;
    // A silence we ask for is not the server's.
    this.expiresAtMs = Number.POSITIVE_INFINITY;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    this.#arm();
    this.#socket.resume();
  }

  drop(): void {
    if (this.#closed) return;
    this.#close();
    this.#socket.terminate();
  }

  #receiveHead(exchange: Exchange, chunk: Buffer): void {
    if (this.#partialHead.length === 0 && this.#headBytes === 0) {
      const head = this.#lastHead.match(chunk);
      if (head !== undefined) {
        this.#headBytes = this.#lastHead.bytes;
        this.#beginBody(exchange, head, chunk, this.#headBytes);
        return;
      }
    }
    let bytes = chunk;
    let from = 0;
    if (this.#partialHead.length > 0) {
      from = Math.max(0, this.#partialHead.length - 3);
      this.#partialHead.append(chunk);
      bytes = this.#partialHead.view();
    }
    for (let start = 0; ; ) {
      const searchedFrom = Math.max(start, from);
      const guess = bytes.toString(
        "latin1",
        searchedFrom,
        Math.min(bytes.length, searchedFrom + HEAD_GUESS_BYTES),
      );
      const found = guess.indexOf("\r\n\r\n");
      const end = found === -1 ? longHeadEnd(bytes, searchedFrom) : searchedFrom + found + 4;
      if ((end === -1 ? bytes.length : end) - start + this.#headBytes > HEAD_BYTES_MAX)
        throw new MalformedMessage(`the head exceeds ${HEAD_BYTES_MAX} bytes`);
      if (end === -1) {
        const rest = Buffer.from(bytes.subarray(start));
        if (bytes !== chunk && start === 0) return;
        this.#partialHead.clear();
        this.#partialHead.append(rest);
        return;
      }
      const isInGuess = found !== -1 && searchedFrom === start;
      const head = parseHead(
        isInGuess ? guess.slice(0, found + 2) : bytes.toString("latin1", start, end - 2),
      );
      this.#headBytes += end - start;
      if (head.status >= 200) {
        // The buffer of split heads is used again; a body in it must not be.
        const owned = bytes === chunk ? bytes : Buffer.from(bytes);
        this.#partialHead.clear();
        if (start === 0) this.#lastHead.keep(head, owned, end);
        this.#beginBody(exchange, head, owned, end);
        return;
      }
      if (head.status === 101) throw new MalformedMessage("it switches protocols unasked");
      start = end;
      from = end;
      this.#arm();
    }
  }

  #beginBody(exchange: Exchange, head: ResponseHead, bytes: Buffer, start: number): void {
    // A server that gives up on an idle connection may say 408 just as the next request leaves: that is no answer to it.
    if (head.status === 408 && !head.keepAlive && this.#served > 0) {
      this.#sawBytes = false;
      this.#lose(undefined);
      return;
    }
    this.#head = head;
    exchange.head(head);
    const { method } = exchange.request;
    if (method === "HEAD" || head.status === 204 || head.status === 304 || head.contentLength === 0) {
      this.#body = "none";
    } else if (head.chunked) {
      this.#body = "chunked";
      this.#decoder = new ChunkedDecoder();
    } else if (head.contentLength > 0) {
      this.#body = "length";
      this.#remaining = head.contentLength;
    } else {
      this.#body = "until_close";
    }
    this.#receiveBody(exchange, head, bytes, start);
    exchange.deliverHead();
  }

  #receiveBody(exchange: Exchange, head: ResponseHead, bytes: Buffer, start: number): void {
    let at = start;
    let done = false;
    switch (this.#body) {
      case "none":
        done = true;
        break;
      case "length": {
        const end = Math.min(bytes.length, at + this.#remaining);
        this.#remaining -= end - at;
        exchange.body(bytes, at, end);
        at = end;
        done = this.#remaining === 0;
        break;
      }
      case "chunked": {
        const decoder = this.#decoder ?? new ChunkedDecoder();
        at = decoder.push(bytes, at, (piece) => exchange.body(piece, 0, piece.length));
        done = decoder.done;
        break;
      }
      case "until_close":
        exchange.body(bytes, at, bytes.length);
        break;
    }
    // The consumer may have dropped the connection while it took the bytes.
    if (this.#closed) return;
    if (done) this.#finish(exchange, head, at === bytes.length);
    else if (!this.#paused) this.#arm();
  }

  #finish(exchange: Exchange, head: ResponseHead, nothingLeft: boolean): void {
    this.#exchange = undefined;
    this.#decoder = undefined;
    this.#served++;
    if (head.keepAlive && nothingLeft && this.#unsent === undefined) {
      if (this.#paused) {
        this.#paused = false;
        this.#socket.resume();
      }
      this.#owner.released(this, head.keepAliveS);
    } else {
      this.#close();
      this.#socket.end();
    }
    exchange.end();
  }

  #lose(cause: Error | undefined): void {
    const exchange = this.#exchange;
    const sent = exchange?.sent ?? false;
    if (!this.#sawBytes && this.#served > 0)
      this.#fail(
        new HttpFailure("reset_before_response", "The server had closed the connection.", sent, cause),
      );
    else this.#fail(new HttpFailure("reset", "The server closed the connection mid-answer.", sent, cause));
  }

  #fail(failure: HttpFailure): void {
    const exchange = this.#exchange;
    this.drop();
    exchange?.fail(failure);
  }

  #close(): void {
    this.#closed = true;
    this.#exchange = undefined;
    this.#unsent = undefined;
    this.#scan.delete(this);
    this.#owner.closed(this);
  }

  #arm(): void {
    this.expiresAtMs = performance.now() + (this.#exchange?.request.idleTimeoutMs ?? 0);
  }
}

/** Index just past the empty line of a head that does not end within the guess, or -1. */
function longHeadEnd(bytes: Buffer, from: number): number {
  if (bytes.length - from <= HEAD_GUESS_BYTES) return -1;
  const at = bytes.indexOf("\r\n\r\n", from + HEAD_GUESS_BYTES - 3, "latin1");
  return at === -1 ? -1 : at + 4;
}
