import { GatewayError } from "../../errors/gateway-error.ts";
import type { IncomingRequest } from "../../model/incoming-request.ts";
import { ByteBuffer } from "../../protocol/byte-buffer.ts";
import { textOf } from "../utf8.ts";
import type { RequestHead } from "./request-head.ts";

/** Of a body that nobody reads yet, what is taken off the socket; and of one that is read slowly. */
const HELD_BYTES_MAX = 64 * 1024;

/** The connection, as its request sees it. */
export interface RequestLink {
  /** `http://` or `https://`. */
  readonly scheme: string;
  /** Tells a client that waits for it to send the body. */
  sendContinue(): void;
  pause(): void;
  resume(): void;
}

type Reader =
  | {
      readonly kind: "text";
      readonly resolve: (text: string) => void;
      readonly reject: (cause: unknown) => void;
    }
  | { readonly kind: "stream"; readonly controller: ReadableStreamDefaultController<Uint8Array> }
  | { readonly kind: "nobody" };

/** A request as our listener received it: its body is decoded or streamed when somebody asks for it. */
export class ReceivedRequest implements IncomingRequest {
  readonly headers: RequestHead;
  readonly #link: RequestLink;
  #first: Buffer | undefined;
  #firstStart = 0;
  #firstEnd = 0;
  #more: ByteBuffer | undefined;
  #isWhole = false;
  #failure: unknown;
  #reader: Reader | undefined;
  #stream: ReadableStream<Uint8Array> | undefined;
  #abort: AbortController | undefined;
  #isGone = false;
  #isDiscarded = false;

  constructor(headers: RequestHead, link: RequestLink) {
    this.headers = headers;
    this.#link = link;
  }

  get method(): string {
    return this.headers.method;
  }
  get url(): string {
    return this.headers.url(this.#link.scheme);
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#isGone) this.#abort.abort();
    return this.#abort.signal;
  }

  text(): string | Promise<string> {
    if (this.#stream !== undefined) return new Response(this.#stream).text();
    if (this.#reader !== undefined) return Promise.reject(new Error("The body of a request is read once."));
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isWhole) {
      this.#reader = { kind: "nobody" };
      return this.#takeText();
    }
    return new Promise((resolve, reject) => {
      this.#reader = { kind: "text", resolve, reject };
      this.#link.sendContinue();
      this.#link.resume();
    });
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (!this.headers.hasBody) return null;
    this.#stream ??= new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          if (this.#failure !== undefined) controller.error(this.#failure);
          const held = this.#takeBytes();
          if (held.length > 0) controller.enqueue(held);
          if (this.#isWhole) controller.close();
          else this.#reader = { kind: "stream", controller };
        },
        pull: () => {
          this.#link.sendContinue();
          this.#link.resume();
        },
        cancel: () => this.discard(),
      },
      { highWaterMark: HELD_BYTES_MAX, size: (chunk) => chunk?.byteLength ?? 0 },
    );
    return this.#stream;
  }

  // For the connection.

  /** Nobody has, or will have, a piece of the body that comes now. */
  get isDiscarded(): boolean {
    return this.#isDiscarded;
  }

  piece(bytes: Buffer, start: number, end: number): void {
    if (start === end) return;
    const reader = this.#reader;
    if (reader?.kind === "nobody") return;
    if (reader?.kind === "stream") {
      reader.controller.enqueue(bytes.subarray(start, end));
      if ((reader.controller.desiredSize ?? 0) <= 0) this.#link.pause();
      return;
    }
    if (this.#first === undefined) {
      this.#first = bytes;
      this.#firstStart = start;
      this.#firstEnd = end;
    } else {
      this.#more ??= new ByteBuffer();
      this.#more.append(bytes.subarray(start, end));
    }
    const held = this.#firstEnd - this.#firstStart + (this.#more?.length ?? 0);
    if (reader === undefined && held >= HELD_BYTES_MAX) this.#link.pause();
  }

  /** The body is here. */
  end(): void {
    this.#isWhole = true;
    const reader = this.#reader;
    if (reader === undefined || reader.kind === "nobody") return;
    this.#reader = { kind: "nobody" };
    if (reader.kind === "text") reader.resolve(this.#takeText());
    else reader.controller.close();
  }

  /** The body will not come. */
  fail(failure: GatewayError): void {
    if (this.#isWhole || this.#failure !== undefined) return;
    this.#failure = failure;
    const reader = this.#reader;
    if (reader?.kind === "text") reader.reject(failure);
    else if (reader?.kind === "stream") reader.controller.error(failure);
  }

  /** Nobody will read what is still to come. */
  discard(): void {
    this.#isDiscarded = true;
    this.#reader = { kind: "nobody" };
    this.#first = undefined;
    this.#more = undefined;
    this.#link.resume();
  }

  /** The client is gone. */
  gone(): void {
    this.#isGone = true;
    this.fail(new GatewayError("request_timeout"));
    this.#abort?.abort();
  }

  #takeText(): string {
    const first = this.#first;
    if (first === undefined) return "";
    if (this.#more === undefined) {
      this.#first = undefined;
      return textOf(first, this.#firstStart, this.#firstEnd);
    }
    const bytes = this.#takeBytes();
    return textOf(bytes, 0, bytes.length);
  }

  #takeBytes(): Buffer {
    const first = this.#first?.subarray(this.#firstStart, this.#firstEnd) ?? Buffer.alloc(0);
    const bytes = this.#more === undefined ? first : Buffer.concat([first, this.#more.view()]);
    this.#first = undefined;
    this.#more = undefined;
    this.#firstStart = this.#firstEnd = 0;
    return bytes;
  }
}
