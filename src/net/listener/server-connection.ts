import { GatewayError } from "../../errors/gateway-error.ts";
import { ByteBuffer } from "../../protocol/byte-buffer.ts";
import { ChunkedDecoder } from "../chunked-decoder.ts";
import type { Deadline } from "../deadline-scan.ts";
import { MalformedMessage, tokenEnd } from "../header-syntax.ts";
import { SHORT_BODY_BYTES, SHORT_BODY_MS } from "../request-body.ts";
import { AnswerWriter, type WriterSocket } from "./answer-writer.ts";
import { ReceivedRequest, type RequestLink } from "./received-request.ts";
import { parseRequestHead, REQUEST_HEAD_BYTES_MAX, type RequestHead } from "./request-head.ts";
import type { HttpAnswer, TextAnswer } from "./text-answer.ts";

/** While the connection waits for its client: for its first request, for the whole of a head, for room for an answer. */
const CLIENT_MS_MAX = 10_000;
/** After an answer, for the rest of a body that nobody wants; then the connection is closed. */
const DISCARD_MS_MAX = 30_000;
/** Of the next requests, what is taken off the socket while one is under way. */
const AHEAD_BYTES_MAX = 64 * 1024;
/** Few heads are longer: no more is looked at first, however much came with it. */
const FIRST_LOOK_BYTES = 4 * 1024;

export type ListenerSocket = Bun.Socket<ServerConnection>;

export interface ConnectionOwner {
  readonly scheme: string;
  /** No further request is wanted. */
  readonly isStopping: boolean;
  /** Longest wait for a further request. */
  readonly idleMsMax: number;
  /** Longest time in which a stream's reader takes nothing of what is there. */
  readonly stalledMsMax: number;
  serve(request: ReceivedRequest, peerAddress: string): Promise<HttpAnswer>;
  /** What is said to bytes that are no request. */
  refuse(error: GatewayError): TextAnswer;
  closed(connection: ServerConnection): void;
}

/**
 * One connection of a client: HTTP/1.1 and 1.0, one request after the other (RFC 9112). Bytes that are not strictly a
 * request are answered with 400 and end it, so that no two programs can see different requests in them.
 */
export class ServerConnection implements Deadline, RequestLink {
  expiresAtMs = performance.now() + CLIENT_MS_MAX;
  readonly #owner: ConnectionOwner;
  readonly #socket: ListenerSocket;
  readonly #writer: AnswerWriter;
  readonly #peerAddress: string;
  #isClosed = false;
  #isPaused = false;
  /** The client sends nothing more. */
  #isEnded = false;
  /** What came that no request has taken yet. */
  readonly #ahead = new ByteBuffer();
  #lastHeadText = "";
  #lastHead: RequestHead | undefined;
  #request: ReceivedRequest | undefined;
  /** Of the body of the request: bytes still to come, where their number is known. */
  #bodyLeft = 0;
  #decoder: ChunkedDecoder | undefined;
  #isBodyHere = true;
  #owesContinue = false;
  /** Its answer goes out, or is out. */
  #isAnswered = false;
  #keepsAlive = true;

  constructor(socket: ListenerSocket, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#writer = new AnswerWriter(
      socket as unknown as WriterSocket,
      () => this.terminate(),
      () => this.#blocked(),
    );
    // Undefined, whatever its type says, where the client has left already.
    this.#peerAddress = (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/i, "");
  }

  get scheme(): string {
    return this.#owner.scheme;
  }

  // Socket events.

  received(chunk: Buffer): void {
    if (this.#isClosed) return;
    try {
      if (this.#request === undefined) this.#receiveHead(chunk);
      else this.#receiveMore(this.#request, chunk);
    } catch (cause) {
      if (!(cause instanceof MalformedMessage)) throw cause;
      this.#refuse(new GatewayError("invalid_request", { detail: `no HTTP/1.1 message: ${cause.message}` }));
    }
  }

  drain(): void {
    this.#writer.drain();
    if (this.#isClosed || this.expiresAtMs === Number.POSITIVE_INFINITY) return;
    if (this.#writer.isStreaming) this.#blocked();
    else if (this.#writer.isSending) this.expiresAtMs = performance.now() + CLIENT_MS_MAX;
  }

  /**
   * The client sends nothing more: it left, or shut its writing side and waits for its answer; which, cannot be told. So what
   * it has asked for is told that it left, and answered where that is done soon. A stream would last, and ends.
   */
  ended(): void {
    this.#isEnded = true;
    if (this.#request === undefined || !this.#isBodyHere || this.#writer.isStreaming) this.#end();
    else this.#hurry(this.#request);
  }

  /** The client is gone, or the connection broke. */
  lost(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.expiresAtMs = Number.POSITIVE_INFINITY;
    this.#owner.closed(this);
    this.#writer.gone();
    this.#request?.gone();
    this.#request = undefined;
  }

  expire(): void {
    const request = this.#request;
    if (request === undefined) {
      // An unused connection is not broken off, which its client would take for an error.
      this.#end();
      return;
    }
    // An answer that is not taken, or not there for a client that may have left; a body that nobody wants.
    if (this.#isAnswered || this.#isBodyHere) {
      this.terminate();
      return;
    }
    this.expiresAtMs = Number.POSITIVE_INFINITY;
    request.fail(new GatewayError("request_timeout", {}, { headers: { connection: "close" } }));
  }

  // For the listener.

  /** Ends it where no request is under way; else its answer is its last. */
  finish(): void {
    if (this.#request === undefined && this.#ahead.length === 0) this.#end();
  }

  terminate(): void {
    if (this.#isClosed) return;
    this.lost();
    this.#socket.terminate();
  }

  // For the request.

  sendContinue(): void {
    if (!this.#owesContinue || this.#isClosed) return;
    this.#owesContinue = false;
    this.#writer.write("HTTP/1.1 100 Continue\r\n\r\n");
  }

  pause(): void {
    if (this.#isPaused || this.#isClosed) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused || this.#isClosed) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** Bytes while a request is under way: of its body, or ahead of its answer. */
  #receiveMore(request: ReceivedRequest, chunk: Buffer): void {
    const end = this.#isBodyHere ? 0 : this.#receiveBody(request, chunk, 0);
    if (end < chunk.length) this.#keepAhead(chunk, end);
    else if (request.isDiscarded) freeBytes(chunk);
  }

  #receiveHead(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#ahead.length > 0) {
      this.#ahead.append(chunk);
      bytes = this.#ahead.view();
    }
    // One empty line may stand before a request (RFC 9112, 2.2).
    const start = bytes[0] === 13 && bytes[1] === 10 ? 2 : 0;
    let text = latin1(bytes, start, FIRST_LOOK_BYTES);
    let end = text.indexOf("\r\n\r\n");
    if (end === -1 && text.length === FIRST_LOOK_BYTES) {
      text = latin1(bytes, start, REQUEST_HEAD_BYTES_MAX);
      end = text.indexOf("\r\n\r\n");
    }
    if (end === -1) {
      if (text.length === REQUEST_HEAD_BYTES_MAX) throw new MalformedMessage("its head is too long");
      refuseHopeless(text);
      if (this.#isEnded) {
        this.#end();
        return;
      }
      // From its first byte on, all of a head has its time.
      if (bytes === chunk) {
        this.expiresAtMs = performance.now() + CLIENT_MS_MAX;
        this.#ahead.append(chunk);
      }
      return;
    }
    const head = this.#headOf(text.slice(0, end + 2));
    if (bytes !== chunk) this.#ahead.take();
    this.#begin(head, bytes, start + end + 4);
  }

  /** Clients repeat themselves: the head they sent last needs no second look. */
  #headOf(text: string): RequestHead {
    const last = this.#lastHead;
    if (last !== undefined && text === this.#lastHeadText) {
      last.remember();
      return last;
    }
    const head = parseRequestHead(text);
    this.#lastHeadText = text;
    this.#lastHead = head;
    return head;
  }

  #begin(head: RequestHead, bytes: Buffer, start: number): void {
    const request = new ReceivedRequest(head, this);
    this.#request = request;
    this.#isAnswered = false;
    this.#isBodyHere = !head.hasBody;
    this.#bodyLeft = head.contentLength;
    this.#decoder = head.isChunked ? new ChunkedDecoder() : undefined;
    this.#owesContinue = head.expectsContinue && head.isHttp11 && head.hasBody;
    const at = this.#isBodyHere ? start : this.#receiveBody(request, bytes, start);
    if (this.#isBodyHere) request.end();
    this.#keepAhead(bytes, at);
    const isShort = !head.isChunked && head.contentLength <= SHORT_BODY_BYTES;
    this.expiresAtMs =
      this.#isBodyHere || !isShort ? Number.POSITIVE_INFINITY : performance.now() + SHORT_BODY_MS;
    if (this.#isEnded) this.ended();
    if (this.#isClosed) return;
    this.#owner.serve(request, this.#peerAddress).then(
      (answer) => this.#answer(request, answer),
      () => this.terminate(),
    );
  }

  /** @returns where the body ends in `bytes`, or their end */
  #receiveBody(request: ReceivedRequest, bytes: Buffer, start: number): number {
    if (start < bytes.length) this.#owesContinue = false;
    let end: number;
    if (this.#decoder === undefined) {
      end = Math.min(bytes.length, start + this.#bodyLeft);
      this.#bodyLeft -= end - start;
      this.#isBodyHere = this.#bodyLeft === 0;
      request.piece(bytes, start, end);
    } else {
      end = this.#decoder.push(bytes, start, (piece) => request.piece(piece, 0, piece.length));
      this.#isBodyHere = this.#decoder.done;
    }
    if (!this.#isBodyHere) return end;
    this.#decoder = undefined;
    if (!this.#isAnswered) this.expiresAtMs = Number.POSITIVE_INFINITY;
    request.end();
    if (this.#isAnswered && !this.#writer.isSending) this.#next();
    return end;
  }

  #keepAhead(bytes: Buffer, from: number): void {
    if (from >= bytes.length || this.#isClosed) return;
    if (this.#request === undefined) {
      this.#receiveHead(bytes.subarray(from));
      return;
    }
    const ahead = bytes.subarray(from);
    if (this.#ahead.length === 0) this.#ahead.adopt(ahead);
    else this.#ahead.append(ahead);
    if (this.#ahead.length > AHEAD_BYTES_MAX) this.pause();
  }

  #answer(request: ReceivedRequest, answer: HttpAnswer): void {
    if (this.#request !== request) {
      if (answer instanceof Response) answer.body?.cancel().catch(() => {});
      return;
    }
    try {
      this.#send(request, answer);
    } catch {
      this.terminate();
    }
  }

  #send(request: ReceivedRequest, answer: HttpAnswer): void {
    const isLast = closes(answer);
    this.#isAnswered = true;
    // What is left of a body that is long, or of unknown length, is not worth the connection.
    const isWorthIt = this.#isBodyHere || (this.#decoder === undefined && this.#bodyLeft <= SHORT_BODY_BYTES);
    this.#keepsAlive =
      request.headers.keepsAlive && !isLast && isWorthIt && !this.#owesContinue && !this.#owner.isStopping;
    if (!this.#isBodyHere) request.discard();
    // A client that does not take its answer is not waited for; a stream lasts.
    this.expiresAtMs =
      answer instanceof Response && !this.#isEnded
        ? Number.POSITIVE_INFINITY
        : performance.now() + CLIENT_MS_MAX;
    this.#writer.send(answer, request.headers, this.#keepsAlive, (keepsAlive) => {
      this.#keepsAlive = keepsAlive;
      if (this.#isBodyHere) this.#next();
      // A client that is still sending would lose its answer if the connection were closed at once.
      else if (isLast) this.#end();
      else this.expiresAtMs = performance.now() + DISCARD_MS_MAX;
    });
  }

  /** Request and answer are over. */
  #next(): void {
    this.#request = undefined;
    const isIdle = this.#ahead.length === 0;
    if (!this.#keepsAlive || this.#owner.isStopping || (isIdle && this.#isEnded)) {
      this.#end();
      return;
    }
    this.expiresAtMs = performance.now() + this.#owner.idleMsMax;
    if (this.#ahead.length <= AHEAD_BYTES_MAX) this.resume();
    if (!isIdle) this.received(this.#ahead.take());
  }

  /** A stream may be quiet for as long as it likes, its reader may not leave lying what there is. */
  #blocked(): void {
    this.expiresAtMs = this.#writer.isBlocked
      ? performance.now() + this.#owner.stalledMsMax
      : Number.POSITIVE_INFINITY;
  }

  #hurry(request: ReceivedRequest): void {
    request.gone();
    this.expiresAtMs = performance.now() + CLIENT_MS_MAX;
  }

  #refuse(error: GatewayError): void {
    const isInterrupted = this.#isAnswered && this.#request !== undefined;
    if (!isInterrupted) this.#writer.refuse(this.#owner.refuse(error));
    this.#end();
  }

  #end(): void {
    if (this.#isClosed) return;
    this.lost();
    this.#socket.end();
  }
}

/** What a stranger sends without end would wait for the collector otherwise: half a mebibyte a read. */
function freeBytes({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}

function latin1(bytes: Buffer, start: number, bytesMax: number): string {
  return bytes.toString("latin1", start, Math.min(bytes.length, start + bytesMax));
}

/**
 * What begins like this is no request, whatever follows: TLS, or lines that end without CR. Its sender waits for an answer.
 * @throws MalformedMessage
 */
function refuseHopeless(text: string): void {
  if (text === "" || text === "\r") return;
  const lineEnd = text.indexOf("\n");
  if (tokenEnd(text, 0) === 0 || (lineEnd !== -1 && text[lineEnd - 1] !== "\r"))
    throw new MalformedMessage("it does not begin with a request line");
}

/** Whoever made the answer wants the connection closed behind it. */
function closes(answer: HttpAnswer): boolean {
  const value = answer instanceof Response ? answer.headers.get("connection") : answer.headers.connection;
  return value === "close";
}
