import type { CancellationListener } from "../model/cancellation.ts";
import { contentCoding, decodeWhole, pipeDecoded } from "./content-coding.ts";
import { HttpFailure, type HttpFailureKind, type HttpRequest, type HttpResponse } from "./http-exchange.ts";
import type { ResponseHead } from "./response-head.ts";
import { textOf } from "./utf8.ts";

/** What is held for a consumer that has not come yet, before the socket is paused. */
const UNCLAIMED_BYTES_MAX = 256 * 1024;

/** What an exchange may ask of the connection it runs on. */
export interface ExchangeLink {
  pause(): void;
  resume(): void;
  /** Closes the connection; nothing of it reaches the exchange afterwards. */
  drop(): void;
}

type OnChunk = (chunk: Uint8Array) => void | Promise<void>;
type Consumer =
  | { readonly kind: "text"; readonly resolve: (text: string) => void; readonly reject: (e: unknown) => void }
  | {
      readonly kind: "pipe";
      readonly onChunk: OnChunk;
      readonly resolve: () => void;
      readonly reject: (e: unknown) => void;
    };

/**
 * One request and its response: the promise of the head, then the body in the hands of `text` or `pipe`.
 * The connection drives it (`head`, `body`, `end`, `fail`); whoever asked consumes it.
 */
export class Exchange implements HttpResponse, CancellationListener {
  readonly request: HttpRequest;
  /** Resolves at the head. */
  readonly response: Promise<HttpResponse>;
  /** A byte of the request left. */
  sent = false;
  #resolve!: (response: HttpResponse) => void;
  #reject!: (failure: HttpFailure) => void;
  #link: ExchangeLink | undefined;
  #head: ResponseHead | undefined;
  /** What came first, while nothing else came: mostly the whole body, read from here without a view of it. */
  #first: Buffer | undefined;
  #firstStart = 0;
  /** What came after that, or where it had to be cut out. */
  #chunks: Buffer[] = [];
  #heldBytes = 0;
  #ended = false;
  #paused = false;
  #failure: HttpFailure | undefined;
  #consumer: Consumer | undefined;
  #consumed = false;
  #delivering = false;

  constructor(request: HttpRequest) {
    this.request = request;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    request.cancellation?.add(this);
  }

  /** No more will come: answered completely, failed or cancelled. */
  get settled(): boolean {
    return this.#ended || this.#failure !== undefined;
  }

  cancelled(): void {
    this.#discard("cancelled", "The request was cancelled.");
  }

  // Driven by the connection.

  attach(link: ExchangeLink): void {
    this.#link = link;
  }
  /** The head, without resolving yet: a body in the same bytes is to be here when the caller looks. */
  head(head: ResponseHead): void {
    this.#head = head;
  }
  deliverHead(): void {
    this.#resolve(this);
  }
  /** A piece of the body: `bytes` from `start` to `end`, and nobody writes there again. */
  body(bytes: Buffer, start: number, end: number): void {
    if (this.settled || start === end) return;
    if (this.#heldBytes === 0) {
      this.#first = bytes;
      this.#firstStart = start;
    } else {
      this.#cutFirst();
      this.#chunks.push(bytes.subarray(start, end));
    }
    this.#heldBytes += end - start;
    const consumer = this.#consumer;
    if (consumer === undefined) {
      if (this.#heldBytes > UNCLAIMED_BYTES_MAX) this.#pause();
    } else if (consumer.kind === "pipe") {
      this.#deliver();
    } else if (this.#heldBytes > this.request.bodyBytesMax) {
      this.#tooLarge();
    }
  }
  end(): void {
    if (this.settled) return;
    this.#ended = true;
    this.#detach();
    this.#advance();
  }
  fail(failure: HttpFailure): void {
    if (this.settled) return;
    this.#failure = failure;
    this.#detach();
    this.#reject(failure);
    this.#advance();
  }

  // Used by whoever asked.

  get status(): number {
    return this.#head?.status ?? 0;
  }
  header(name: string): string | undefined {
    return this.#head?.value(name);
  }
  /**
   * @throws HttpFailure where the body is known to be too large, damaged or lost already; otherwise the promise rejects
   */
  text(): string | Promise<string> {
    this.#claim();
    if (this.#failure !== undefined) throw this.#failure;
    const knownBytes = this.#ended
      ? this.#heldBytes
      : Math.max(this.#heldBytes, this.#head?.contentLength ?? 0);
    if (knownBytes > this.request.bodyBytesMax) throw this.#tooLarge();
    if (this.#ended) return this.#wholeText();
    return new Promise((resolve, reject) => {
      this.#consumer = { kind: "text", resolve, reject };
      this.#resume();
    });
  }
  pipe(onChunk: OnChunk): Promise<void> {
    this.#claim();
    try {
      const coding = contentCoding(this.#head?.contentEncoding);
      if (coding !== undefined) return pipeDecoded(coding, (onCoded) => this.#pipeRaw(onCoded), onChunk);
      return this.#pipeRaw(onChunk);
    } catch (failure) {
      this.abort();
      return Promise.reject(failure);
    }
  }
  abort(): void {
    this.#discard("cancelled", "The response was abandoned.");
  }

  #pipeRaw(onChunk: OnChunk): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#consumer = { kind: "pipe", onChunk, resolve, reject };
      this.#deliver();
      if (!this.#delivering) this.#resume();
    });
  }

  /** Hands chunks to the pipe until one is not taken at once; then the socket waits for it. */
  #deliver(): void {
    const consumer = this.#consumer;
    if (consumer?.kind !== "pipe" || this.#delivering) return;
    this.#cutFirst();
    while (this.#chunks.length > 0) {
      const chunks = this.#chunks;
      this.#chunks = [];
      this.#heldBytes = 0;
      for (let i = 0; i < chunks.length; i++) {
        const chunk = chunks[i];
        if (chunk === undefined) continue;
        let taken: void | Promise<void>;
        try {
          taken = consumer.onChunk(chunk);
        } catch (error) {
          this.#consumerThrew(error);
          return;
        }
        // It may have aborted the response.
        if (this.#consumer !== consumer) return;
        if (taken === undefined) continue;
        this.#chunks = chunks.slice(i + 1);
        this.#delivering = true;
        this.#pause();
        taken.then(
          () => {
            this.#delivering = false;
            this.#deliver();
            if (!this.#delivering) this.#resume();
          },
          (error: unknown) => this.#consumerThrew(error),
        );
        return;
      }
    }
    this.#finishPipe(consumer);
  }

  #finishPipe(consumer: Consumer & { readonly kind: "pipe" }): void {
    if (!this.settled) return;
    this.#consumer = undefined;
    if (this.#failure === undefined) consumer.resolve();
    else consumer.reject(this.#failure);
  }

  #consumerThrew(error: unknown): void {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    this.abort();
    consumer?.reject(error);
  }

  /** After `end` or `fail`: what the consumer waits for is decided now, a pipe after its last chunk. */
  #advance(): void {
    const consumer = this.#consumer;
    if (consumer?.kind === "pipe") this.#deliver();
    if (consumer?.kind !== "text") return;
    this.#consumer = undefined;
    if (this.#failure !== undefined) {
      consumer.reject(this.#failure);
      return;
    }
    try {
      consumer.resolve(this.#wholeText());
    } catch (failure) {
      consumer.reject(failure);
    }
  }

  #wholeText(): string {
    const coding = contentCoding(this.#head?.contentEncoding);
    const first = this.#first;
    if (first !== undefined && coding === undefined) {
      this.#first = undefined;
      return textOf(first, this.#firstStart, this.#firstStart + this.#heldBytes);
    }
    this.#cutFirst();
    const [only] = this.#chunks;
    if (only === undefined) return "";
    let bytes = this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks, this.#heldBytes);
    this.#chunks = [];
    if (coding !== undefined) bytes = decodeWhole(coding, bytes, this.request.bodyBytesMax);
    return textOf(bytes, 0, bytes.length);
  }

  #cutFirst(): void {
    const first = this.#first;
    if (first === undefined) return;
    this.#first = undefined;
    this.#chunks.push(first.subarray(this.#firstStart, this.#firstStart + this.#heldBytes));
  }

  #claim(): void {
    if (this.#consumed) throw new Error("The body of a response is taken once.");
    this.#consumed = true;
  }

  #tooLarge(): HttpFailure {
    const failure = new HttpFailure(
      "too_large",
      `The answer exceeds ${this.request.bodyBytesMax} bytes.`,
      true,
    );
    this.#first = undefined;
    this.#chunks = [];
    const link = this.#link;
    this.fail(failure);
    link?.drop();
    return failure;
  }

  #discard(kind: HttpFailureKind, message: string): void {
    if (this.settled) return;
    this.#first = undefined;
    this.#chunks = [];
    const link = this.#link;
    const failure = new HttpFailure(kind, message, this.sent);
    const consumer = this.#consumer;
    if (this.#delivering && consumer !== undefined) {
      // A stalled consumer would otherwise hold the news back until it takes its chunk.
      this.#consumer = undefined;
      consumer.reject(failure);
    }
    this.fail(failure);
    link?.drop();
  }

  #detach(): void {
    this.#link = undefined;
    this.request.cancellation?.remove(this);
  }

  #pause(): void {
    if (this.#paused || this.#link === undefined) return;
    this.#paused = true;
    this.#link.pause();
  }
  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#link?.resume();
  }
}
