/** UTF-8 bytes to a UTF-16 code unit, at most. */
const BYTES_PER_UNIT_MAX = 3;

/**
 * The items of one page of a list, as JSON joined by commas, without brackets. At first these are the texts of the items
 * themselves, which the catalog holds anyway; most pages are asked for once. Of one that is read again its bytes are kept.
 */
export class PageItems {
  /** UTF-16 code units: bytes, where all is ASCII. */
  readonly length: number;
  #texts: readonly string[];
  #bytes: Uint8Array | undefined;
  #wasRead = false;

  constructor(texts: readonly string[]) {
    let length = Math.max(0, texts.length - 1);
    for (const text of texts) length += text.length;
    this.length = length;
    this.#texts = texts;
  }

  /** UTF-8 takes no more. */
  get bytesMax(): number {
    return this.length * BYTES_PER_UNIT_MAX;
  }

  /** In UTF-8, from `at` on; there have to be `bytesMax`. @returns where they end */
  writeInto(buffer: Buffer, at: number): number {
    if (this.#bytes !== undefined) {
      buffer.set(this.#bytes, at);
      return at + this.#bytes.length;
    }
    let end = at;
    for (const text of this.#texts) {
      if (end > at) buffer[end++] = COMMA;
      end += buffer.write(text, end, "utf8");
    }
    if (this.#wasRead) {
      this.#bytes = Uint8Array.prototype.slice.call(buffer, at, end);
      this.#texts = [];
    }
    this.#wasRead = true;
    return end;
  }

  toString(): string {
    return this.#bytes === undefined ? this.#texts.join(",") : new TextDecoder().decode(this.#bytes);
  }
}

const COMMA = 0x2c;
