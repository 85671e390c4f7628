import { MalformedMessage } from "./header-syntax.ts";

const LINE_BYTES_MAX = 4 * 1024;
const TRAILER_BYTES_MAX = 16 * 1024;
/** 2^52 - 1 has 13 hexadecimal digits. */
const SIZE_DIGITS_MAX = 13;

const CR = 13;
const LF = 10;

type State =
  | "size"
  | "size_blank"
  | "extension"
  | "size_lf"
  | "data"
  | "data_cr"
  | "data_lf"
  | "trailer_start"
  | "trailer"
  | "trailer_lf"
  | "end_lf"
  | "done";

/** Incremental decoder of the chunked coding (RFC 9112, 7.1). Extensions and trailers are checked, bounded and dropped. */
export class ChunkedDecoder {
  #state: State = "size";
  #size = 0;
  #digits = 0;
  #lineBytes = 0;
  #trailerBytes = 0;

  get done(): boolean {
    return this.#state === "done";
  }

  /**
   * Takes bytes from `start`, hands out pieces of data (views into `bytes`), and returns how far it read: less than the
   * whole only when the body ended.
   * @throws MalformedMessage
   */
  push(bytes: Buffer, start: number, onData: (piece: Buffer) => void): number {
    let at = start;
    while (at < bytes.length && this.#state !== "done") {
      if (this.#state === "data") {
        const end = Math.min(bytes.length, at + this.#size);
        onData(bytes.subarray(at, end));
        this.#size -= end - at;
        at = end;
        if (this.#size === 0) this.#state = "data_cr";
      } else {
        this.#step(bytes[at] ?? 0);
        at++;
      }
    }
    return at;
  }

  #step(byte: number): void {
    switch (this.#state) {
      case "size":
        this.#sizeByte(byte);
        return;
      case "size_blank":
        if (byte === 59) this.#state = "extension";
        else if (byte === CR) this.#state = "size_lf";
        else if (!isBlank(byte) || ++this.#lineBytes > LINE_BYTES_MAX)
          throw new MalformedMessage("the chunk size is not hexadecimal");
        return;
      case "extension":
        if (byte === CR) this.#state = "size_lf";
        else if (byte === LF || byte === 0 || ++this.#lineBytes > LINE_BYTES_MAX)
          throw new MalformedMessage("a bad or endless chunk extension");
        return;
      case "size_lf":
        expect(byte, LF);
        this.#state = this.#size === 0 ? "trailer_start" : "data";
        return;
      case "data_cr":
        expect(byte, CR);
        this.#state = "data_lf";
        return;
      case "data_lf":
        expect(byte, LF);
        this.#state = "size";
        this.#digits = 0;
        this.#lineBytes = 0;
        return;
      case "end_lf":
        expect(byte, LF);
        this.#state = "done";
        return;
      default:
        this.#trailerByte(byte);
    }
  }

  #sizeByte(byte: number): void {
    const digit = hexDigit(byte);
    if (digit !== -1) {
      if (++this.#digits > SIZE_DIGITS_MAX) throw new MalformedMessage("the chunk size is too large");
      this.#size = this.#size * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw new MalformedMessage("a chunk without a size");
    if (byte === CR) this.#state = "size_lf";
    else if (byte === 59) this.#state = "extension";
    else if (isBlank(byte)) this.#state = "size_blank";
    else throw new MalformedMessage("the chunk size is not hexadecimal");
  }

  #trailerByte(byte: number): void {
    if (++this.#trailerBytes > TRAILER_BYTES_MAX) throw new MalformedMessage("the trailers are too long");
    if (this.#state === "trailer_lf") {
      expect(byte, LF);
      this.#state = "trailer_start";
    } else if (byte === CR) {
      this.#state = this.#state === "trailer_start" ? "end_lf" : "trailer_lf";
    } else if (byte === LF || byte === 0) {
      throw new MalformedMessage("a stray LF or NUL in the trailers");
    } else {
      this.#state = "trailer";
    }
  }
}

function expect(byte: number, wanted: number): void {
  if (byte !== wanted) throw new MalformedMessage("a chunk does not end where its size says");
}

function isBlank(byte: number): boolean {
  return byte === 32 || byte === 9;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
