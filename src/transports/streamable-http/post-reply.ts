import type { IncomingRequest } from "../../model/incoming-request.ts";
import type { Principal } from "../../model/principal.ts";
import { type HttpAnswer, TextAnswer } from "../../net/listener/text-answer.ts";
import { EVENT_STREAM_HEADERS } from "./event-stream.ts";
import type { PageText } from "./page-text.ts";
import type { Waiter, WaitingRoom } from "./waiting.ts";

/** A stream an answer may turn into. */
export interface ReplyStream {
  readonly body: ReadableStream<Uint8Array>;
  write(data: string, options?: { readonly droppable?: boolean }): void;
  keepAlive(): void;
  close(): void;
}

export interface PostReplyInit {
  readonly principal: Principal;
  readonly request: IncomingRequest;
  readonly waiting: WaitingRoom;
  /** The client takes `text/event-stream`. */
  readonly streams: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Opens the stream when the answer has to become one, where there is room; `onGone` is called when its reader leaves. */
  readonly openStream: (onGone: () => void) => ReplyStream | undefined;
  readonly onGone: () => void;
  readonly onInterrupt: () => void;
}

/**
 * The answer to one POST: a JSON body, unless something has to be said before the end, in which case it becomes an event
 * stream at that moment. Nothing is committed (no status, no header) until then.
 */
export class PostReply implements Waiter {
  readonly response: Promise<HttpAnswer>;
  readonly startedAt = performance.now();
  lastSignOfLifeAt = this.startedAt;
  attended = false;
  seat = -1;
  readonly #init: PostReplyInit;
  #resolve!: (answer: HttpAnswer) => void;
  #stream: ReplyStream | undefined;
  #done = false;

  constructor(init: PostReplyInit) {
    this.#init = init;
    this.response = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    init.waiting.enter(this);
  }

  get principal(): Principal {
    return this.#init.principal;
  }

  /** Something before the end; false, and dropped, where there is no stream for it. */
  send(message: string, droppable: boolean): boolean {
    if (this.#done || !this.#init.streams) return false;
    this.lastSignOfLifeAt = performance.now();
    const stream = this.#upgrade();
    stream?.write(message, { droppable });
    return stream !== undefined;
  }

  /** The end: `body` is the whole JSON-RPC answer. */
  finish(status: number, body: string | PageText, headers?: Readonly<Record<string, string>>): void {
    if (this.#done) return;
    this.#done = true;
    this.#init.waiting.leave(this);
    if (this.#stream !== undefined) {
      this.#stream.write(body.toString());
      this.#stream.close();
      return;
    }
    const common = this.#init.headers;
    this.#resolve(TextAnswer.json(status, headers === undefined ? common : { ...common, ...headers }, body));
  }

  attend(): void {
    const { request } = this.#init;
    if (this.#stream !== undefined) return;
    if (request.signal.aborted) this.#gone();
    else request.signal.addEventListener("abort", () => this.#gone(), { once: true });
  }

  keepAlive(): void {
    if (this.#init.streams) this.#upgrade()?.keepAlive();
  }

  interrupt(): void {
    this.#init.onInterrupt();
  }

  #upgrade(): ReplyStream | undefined {
    if (this.#stream !== undefined) return this.#stream;
    const stream = this.#init.openStream(() => this.#gone());
    if (stream === undefined) return undefined;
    this.#stream = stream;
    this.#resolve(new Response(stream.body, { headers: { ...EVENT_STREAM_HEADERS, ...this.#init.headers } }));
    return stream;
  }

  #gone(): void {
    if (this.#done) return;
    this.#init.onGone();
  }
}
