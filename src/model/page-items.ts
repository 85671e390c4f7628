/**
 * The items of one page of a list, as JSON joined by commas, without brackets. At first these are the texts of the items
 * themselves, which the catalog holds anyway; most pages are asked for once. Of one that is read again its bytes are kept.
 */
export class PageItems {
  /** In UTF-8. */
  readonly byteLength: number;
  #texts: readonly string[];
  #bytes: Uint8Array | undefined;
  #wasRead = false;

  constructor(texts: readonly string[]) {
    let byteLength = Math.max(0, texts.length - 1);
    for (const text of texts) byteLength += Buffer.byteLength(text);
    this.byteLength = byteLength;
    this.#texts = texts;
  }

  /** In UTF-8, `byteLength` from `at` on. */
  writeInto(buffer: Buffer, at: number): void {
    if (this.#bytes !== undefined) {
      buffer.set(this.#bytes, at);
      return;
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
  }

  toString(): string {
    return this.#bytes === undefined ? this.#texts.join(",") : new TextDecoder().decode(this.#bytes);
  }
}

const COMMA = 0x2c;
