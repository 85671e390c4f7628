import { answerHead, type BodyFraming, connectionLine, fieldLine, fieldLines } from "./answer-head.ts";
import type { RequestHead } from "./request-head.ts";
import { giveScratch, takeScratch } from "./scratch.ts";
import { type HttpAnswer, TextAnswer, type WrittenBody } from "./text-answer.ts";

/** Longer texts are encoded once, up front, as the socket will not take them in one write. */
const STRING_WRITE_MAX = 64 * 1024;
const CRLF = Buffer.from("\r\n");
/** What the system did not take is copied if it is less than this part of the memory it lies in, which is free for others then. */
const COPIED_PART_MAX = 1 / 4;
const LAST_CHUNK = "0\r\n\r\n";

type Reader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel" | "closed">;

export interface WriterSocket {
  /** Bytes taken; less than all where the system has no room, negative where the connection is closed. */
  write(data: string | Uint8Array): number;
}

/** Writes the answers of one connection, one after the other, and keeps what the system has no room for. */
export class AnswerWriter {
  readonly #socket: WriterSocket;
  readonly #onBroken: () => void;
  readonly #onBlocked: () => void;
  #unsent: Buffer | undefined;
  /** What of it lies in memory that is to be given back. */
  #scratch: Buffer | undefined;
  #onDrained: (() => void) | undefined;
  #reader: Reader | undefined;
  #isGone = false;

  /**
   * @param onBroken the connection is, or has to be; it ends in `gone`
   * @param onBlocked the system has no room for a stream's next piece until `drain`
   */
  constructor(socket: WriterSocket, onBroken: () => void, onBlocked: () => void) {
    this.#socket = socket;
    this.#onBroken = onBroken;
    this.#onBlocked = onBlocked;
  }

  /**
   * Sends an answer. `onSent` is called when all of it is with the system, unless the client is gone before; it is told
   * whether the connection can serve another request.
   */
  send(
    answer: HttpAnswer,
    request: RequestHead,
    keepsAlive: boolean,
    onSent: (keepsAlive: boolean) => void,
  ): void {
    if (!(answer instanceof TextAnswer)) {
      void this.#sendResponse(answer, request, keepsAlive, onSent);
      return;
    }
    this.#sendText(answer, request.method === "HEAD", connectionLine(keepsAlive, request.isHttp11));
    if (this.#isGone) return;
    if (this.#unsent === undefined) onSent(keepsAlive);
    else this.#onDrained = () => onSent(keepsAlive);
  }

  /** The last answer, to what was no request. */
  refuse(answer: TextAnswer): void {
    this.#sendText(answer, false, connectionLine(false, true));
  }

  write(data: string): void {
    this.#put(data, data.length);
  }

  drain(): void {
    const unsent = this.#unsent;
    if (unsent === undefined) return;
    const written = this.#send(unsent);
    if (this.#isGone) return;
    this.#unsent = written >= unsent.length ? undefined : unsent.subarray(written);
    if (this.#unsent === undefined) this.#drained();
  }

  gone(): void {
    this.#isGone = true;
    this.#unsent = undefined;
    this.#drained();
    this.#reader?.cancel().catch(() => {});
  }

  get isStreaming(): boolean {
    return this.#reader !== undefined;
  }

  /** The system has no room for what is to be sent. */
  get isBlocked(): boolean {
    return this.#unsent !== undefined;
  }

  get isSending(): boolean {
    return this.#unsent !== undefined || this.#reader !== undefined;
  }

  #sendText(answer: TextAnswer, isHead: boolean, connection: string): void {
    const { status, headers, body } = answer;
    const lines = fieldLines(headers) + answer.moreLines;
    if (body === null || typeof body === "string") {
      const bytes = body === null ? 0 : Buffer.byteLength(body);
      const framing: BodyFraming = hasNoBody(status) ? "none" : bytes;
      const head = answerHead(status, lines, framing, connection);
      if (isHead || bytes === 0 || framing === "none") this.#put(head, head.length);
      else this.#put(head + body, head.length + bytes);
      return;
    }
    const head = answerHead(status, lines, body.byteLength, connection);
    if (isHead) this.write(head);
    else this.#putWritten(head, body);
  }

  /** @param head in ASCII */
  #putWritten(head: string, body: WrittenBody): void {
    if (this.#isGone) return;
    const scratch = takeScratch(head.length + body.byteLength);
    scratch.write(head, "latin1");
    body.writeInto(scratch, head.length);
    const bytes = scratch.subarray(0, head.length + body.byteLength);
    if (this.#unsent === undefined) {
      const unsent = bytes.subarray(Math.max(0, this.#send(bytes)));
      if (!this.#isGone && unsent.length > scratch.length * COPIED_PART_MAX) {
        this.#unsent = unsent;
        this.#scratch = scratch;
        return;
      }
      if (!this.#isGone && unsent.length > 0) this.#unsent = Buffer.from(unsent);
    } else {
      this.#unsent = Buffer.concat([this.#unsent, bytes]);
    }
    giveScratch(scratch);
  }

  async #sendResponse(
    response: Response,
    request: RequestHead,
    keepsAlive: boolean,
    onSent: (keepsAlive: boolean) => void,
  ): Promise<void> {
    const { status, body } = response;
    const isUnread = body === null || hasNoBody(status) || request.method === "HEAD";
    let framing: BodyFraming = request.isHttp11 ? "chunked" : "until_close";
    if (hasNoBody(status)) framing = "none";
    else if (body === null) framing = 0;
    const isOpenAfterwards = keepsAlive && (framing !== "until_close" || isUnread);
    let lines = "";
    for (const [name, value] of response.headers) lines += fieldLine(name, value);
    this.write(answerHead(status, lines, framing, connectionLine(isOpenAfterwards, request.isHttp11)));
    if (body !== null) {
      try {
        const reader = body.getReader();
        this.#reader = reader;
        // Its source broke off: so does the answer, or it would pass for the whole; also where its client takes none of it.
        reader.closed.catch(() => this.#breakOff());
        if (!isUnread) await this.#pump(reader, framing === "chunked");
        else await reader.cancel();
      } catch {
        this.#breakOff();
        return;
      } finally {
        this.#reader = undefined;
      }
    }
    await this.#drainedOnce();
    if (!this.#isGone) onSent(isOpenAfterwards);
  }

  #breakOff(): void {
    if (!this.#isGone) this.#onBroken();
  }

  async #pump(reader: Reader, isChunked: boolean): Promise<void> {
    for (;;) {
      const { done, value } = await reader.read();
      if (this.#isGone) return;
      if (done) break;
      if (value.length === 0) continue;
      const size = Buffer.from(`${value.length.toString(16)}\r\n`);
      this.#putBytes(isChunked ? Buffer.concat([size, value, CRLF]) : value);
      await this.#drainedOnce();
    }
    if (isChunked) this.write(LAST_CHUNK);
  }

  async #drainedOnce(): Promise<void> {
    if (this.#unsent === undefined) return;
    this.#onBlocked();
    await new Promise<void>((resolve) => {
      this.#onDrained = resolve;
    });
  }

  #drained(): void {
    if (this.#scratch !== undefined) giveScratch(this.#scratch);
    this.#scratch = undefined;
    const onDrained = this.#onDrained;
    this.#onDrained = undefined;
    onDrained?.();
  }

  /** That a client left is known by this alone while nothing is read of its socket. */
  #send(data: string | Uint8Array): number {
    const written = this.#socket.write(data);
    if (written < 0) this.#breakOff();
    return written;
  }

  /** @param bytes of `text` as UTF-8 */
  #put(text: string, bytes: number): void {
    if (this.#isGone) return;
    if (this.#unsent !== undefined || bytes > STRING_WRITE_MAX) {
      this.#putBytes(Buffer.from(text));
      return;
    }
    const written = this.#send(text);
    if (written < bytes && !this.#isGone) this.#unsent = Buffer.from(text).subarray(written);
  }

  /** What of `bytes` is not sent is copied. */
  #putBytes(bytes: Uint8Array): void {
    if (this.#isGone) return;
    if (this.#unsent !== undefined) {
      this.#unsent = Buffer.concat([this.#unsent, bytes]);
      return;
    }
    const written = this.#send(bytes);
    if (written < bytes.length && !this.#isGone) this.#unsent = Buffer.from(bytes.subarray(written));
  }
}

/** RFC 9110, 6.4.1. */
function hasNoBody(status: number): boolean {
  return status === 204 || status === 304 || status < 200;
}
