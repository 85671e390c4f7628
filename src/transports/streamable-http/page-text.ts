const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Room for a page of the usual size is kept; what a larger one took is given back. */
const KEPT_BYTES_MAX = 2 * 1_048_576;
/** UTF-16 code units to UTF-8 bytes, at most. */
const BYTES_PER_UNIT_MAX = 3;

let scratch = new Uint8Array(0);

/**
 * The JSON-RPC text of one page of a list: its items are bytes that many callers share, what stands around them is this
 * caller's. Put together only where it is sent.
 */
export class PageText {
  readonly #head: string;
  readonly #items: Uint8Array;
  readonly #tail: string;

  constructor(head: string, items: Uint8Array, tail: string) {
    this.#head = head;
    this.#items = items;
    this.#tail = tail;
  }

  /** In UTF-8, in a buffer that the next page is put together in: for one who copies at once, as `Response` does. */
  transient(): Uint8Array<ArrayBuffer> {
    const room = (this.#head.length + this.#tail.length) * BYTES_PER_UNIT_MAX + this.#items.length;
    const buffer = bufferOf(room);
    let end = encoder.encodeInto(this.#head, buffer).written;
    buffer.set(this.#items, end);
    end += this.#items.length;
    end += encoder.encodeInto(this.#tail, buffer.subarray(end)).written;
    return buffer.subarray(0, end);
  }

  toString(): string {
    return this.#head + decoder.decode(this.#items) + this.#tail;
  }
}

/** Of a `Response`, which copies it at once. */
export function bodyOf(text: string | PageText): string | Uint8Array<ArrayBuffer> {
  return typeof text === "string" ? text : text.transient();
}

function bufferOf(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes > KEPT_BYTES_MAX) return new Uint8Array(bytes);
  if (scratch.length < bytes) scratch = new Uint8Array(Math.min(KEPT_BYTES_MAX, bytes * 2));
  return scratch;
}
