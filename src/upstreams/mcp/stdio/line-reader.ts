const NEWLINE = 10;

/** Cuts a byte stream into lines; characters that span chunks stay whole, blank lines are skipped. */
export class LineReader {
  readonly #bytesMax: number;
  readonly #onLine: (line: string) => void;
  #parts: Uint8Array[] = [];
  #held = 0;

  constructor(bytesMax: number, onLine: (line: string) => void) {
    this.#bytesMax = bytesMax;
    this.#onLine = onLine;
  }

  /** Takes a chunk, which must not be changed afterwards. Returns false when a line grew past the bound. */
  push(chunk: Uint8Array): boolean {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      if (this.#held + (end - from) > this.#bytesMax) return false;
      this.#emit(chunk.subarray(from, end));
      from = end + 1;
    }
    if (from === chunk.length) return true;
    this.#parts.push(chunk.subarray(from));
    this.#held += chunk.length - from;
    return this.#held <= this.#bytesMax;
  }

  #emit(last: Uint8Array): void {
    let bytes = last;
    if (this.#held > 0) {
      this.#parts.push(last);
      bytes = Buffer.concat(this.#parts);
      this.#parts = [];
      this.#held = 0;
    }
    const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8").trim();
    if (line !== "") this.#onLine(line);
  }
}
