const LINES_MAX = 64;
const LINE_BYTES_MAX = 2048;
/** Read at a stretch before a pause: a child that floods stderr is slowed down, not the gateway. */
const STRETCH_BYTES = 256 * 1024;
const PAUSE_MS = 50;

/** The last lines a child wrote to stderr: at most 64 of at most 2 KiB, the rest of a longer line is left out. */
export class StderrTail {
  readonly #lines: string[] = [];
  readonly #onLine: (line: string) => void;
  #line = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Reads to the end. */
  async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let stretch = 0;
    for await (const chunk of stream) {
      this.#push(decoder.decode(chunk, { stream: true }));
      stretch += chunk.length;
      if (stretch < STRETCH_BYTES) continue;
      stretch = 0;
      await Bun.sleep(PAUSE_MS);
    }
    this.#end();
  }

  #push(text: string): void {
    const parts = text.split("\n");
    for (const [index, part] of parts.entries()) {
      if (index > 0) this.#end();
      if (this.#line.length < LINE_BYTES_MAX) this.#line = (this.#line + part).slice(0, LINE_BYTES_MAX);
    }
  }

  #end(): void {
    const line = this.#line.trimEnd();
    this.#line = "";
    if (line === "") return;
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
    this.#onLine(line);
  }
}
