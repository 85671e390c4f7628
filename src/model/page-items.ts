const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes left free on either side, for what an answer puts around the items: its HTTP head, and a cursor. */
const MARGIN = 2_048;
/** UTF-8 bytes to a UTF-16 code unit, at most. */
const BYTES_PER_UNIT_MAX = 3;

/**
 * The items of one page of a list, as JSON joined by commas, without brackets. Many callers read a page, each with an id of
 * his own around it: a page keeps its bytes with a margin, so that an answer is written around them and none is copied.
 */
export class PageItems {
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #end: number;

  constructor(json: string) {
    // Room for ASCII, which most lists are: written once, where it stays.
    let buffer = new Uint8Array(json.length + 2 * MARGIN);
    const { read, written: ascii } = encoder.encodeInto(json, buffer.subarray(MARGIN, MARGIN + json.length));
    let written = ascii;
    if (read < json.length) {
      const bytes = encoder.encode(json);
      buffer = new Uint8Array(bytes.length + 2 * MARGIN);
      buffer.set(bytes, MARGIN);
      written = bytes.length;
    }
    this.#buffer = buffer;
    this.#end = MARGIN + written;
  }

  get byteLength(): number {
    return this.#end - MARGIN;
  }

  /** Between `head` and `tail`, in UTF-8; it holds until the next answer is written: for one who writes it out at once. */
  transient(head: string, tail: string): Uint8Array<ArrayBuffer> {
    if (Math.max(head.length, tail.length) * BYTES_PER_UNIT_MAX > MARGIN) {
      return encoder.encode(head + this.toString() + tail);
    }
    const before = encoder.encode(head);
    const startsAt = MARGIN - before.length;
    this.#buffer.set(before, startsAt);
    const { written } = encoder.encodeInto(tail, this.#buffer.subarray(this.#end));
    return this.#buffer.subarray(startsAt, this.#end + written);
  }

  toString(): string {
    return decoder.decode(this.#buffer.subarray(MARGIN, this.#end));
  }
}
