import { formatEvent } from "../../protocol/sse.ts";

const encoder = new TextEncoder();
/** Unread bytes a slow reader may pile up; past it, what may be lost is dropped. */
const QUEUED_BYTES_MAX = 1_048_576;

/** One server-sent event stream towards a client. Everything written before the client reads is bounded. */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #open = true;
  #dropped = 0;

  /** @param onGone the client closed the connection. */
  constructor(onGone: () => void) {
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => {
          if (!this.#open) return;
          this.#open = false;
          onGone();
        },
      },
      { highWaterMark: QUEUED_BYTES_MAX, size: (chunk) => chunk?.byteLength ?? 0 },
    );
  }

  get open(): boolean {
    return this.#open;
  }
  /** Messages a slow reader never got. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Writes one message.
   * @param droppable progress and log messages may be lost to a reader that does not read; answers may not.
   */
  write(
    data: string,
    options: { readonly id?: string; readonly droppable?: boolean; readonly retry?: number } = {},
  ): void {
    const controller = this.#controller;
    if (!this.#open || controller === undefined) return;
    if (options.droppable === true && (controller.desiredSize ?? 0) <= 0) {
      this.#dropped++;
      return;
    }
    const { id, retry } = options;
    controller.enqueue(encoder.encode(formatEvent({ event: "message", data, id, retry })));
  }

  /** A comment, which clients skip: keeps proxies from closing a quiet stream. */
  keepAlive(): void {
    if (this.#open) this.#controller?.enqueue(KEEP_ALIVE);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#controller?.close();
  }
}

const KEEP_ALIVE = encoder.encode(":\n\n");

export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};
