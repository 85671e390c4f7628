const FIRST_CAPACITY_BYTES = 256;
const NOTHING = Buffer.alloc(0);

/** Appends bytes in amortised constant time, so that input split at every byte costs no quadratic copying. */
export class ByteBuffer {
  #bytes: Buffer = NOTHING;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2, FIRST_CAPACITY_BYTES));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = needed;
  }

  /** Begins with `bytes`, uncopied: nobody may write to them any more. For an empty one that is emptied by `take` only. */
  adopt(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#length = bytes.length;
  }

  /** The content, which is the caller's from here on. */
  take(): Buffer {
    const taken = this.view();
    this.#bytes = NOTHING;
    this.#length = 0;
    return taken;
  }

  /** What was appended; valid until the next `append` or `clear`. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets the content, and the memory too where it grew large. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > 64 * 1024) this.#bytes = NOTHING;
  }
}
