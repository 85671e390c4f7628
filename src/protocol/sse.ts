import { ByteBuffer } from "./byte-buffer.ts";

const CR = 13;
const LF = 10;
const COLON = 58;
const SPACE = 32;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const NO_EVENTS: readonly SseEvent[] = [];

export interface SseEvent {
  /** `message` where the stream named none. */
  readonly event: string;
  readonly data: string;
  /** The last event id in force when the event was dispatched; `undefined` where none was ever given. */
  readonly id: string | undefined;
  /** Milliseconds, where this event's own block carried the field. */
  readonly retry: number | undefined;
}

/** Thrown by `SseReader.push`: one event exceeds the limit. The reader is of no further use. */
export class SseEventTooLarge extends Error {
  constructor(limitBytes: number) {
    super(`An event of the stream exceeds ${limitBytes} bytes.`);
    this.name = "SseEventTooLarge";
  }
}

/**
 * Incremental reader of `text/event-stream` (WHATWG HTML, 9.2.5 and 9.2.6): bytes in, events out. How the bytes are
 * cut into chunks never changes the events. An event left open when the stream ends is dropped, as the standard says.
 */
export class SseReader {
  readonly #eventBytesMax: number;
  /** A line whose end has not arrived. */
  readonly #partial = new ByteBuffer();
  #bomBytesSeen = 0;
  #atStart = true;
  #skipLineFeed = false;
  #data: string | undefined;
  #heldBytes = 0;
  #event = "";
  #retry: number | undefined;
  #pendingId: string | undefined;
  #lastEventId: string | undefined;
  #retryMs: number | undefined;

  /** @param eventBytesMax most bytes one event (its fields, or one line) may hold. */
  constructor(eventBytesMax: number) {
    this.#eventBytesMax = eventBytesMax;
  }

  /** The id to resume from; also moved by a block that carries an id and no data. */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }
  /** The reconnection time last given, in milliseconds. */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  /**
   * Takes the next bytes and returns the events they complete.
   * @throws SseEventTooLarge
   */
  push(bytes: Uint8Array): readonly SseEvent[] {
    if (bytes.length === 0) return NO_EVENTS;
    const chunk = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const events: SseEvent[] = [];
    this.#lines(chunk, this.#atStart ? this.#skipByteOrderMark(chunk) : 0, events);
    return events;
  }

  /** Returns where the text begins; a mark cut short by other bytes is text after all. */
  #skipByteOrderMark(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && this.#bomBytesSeen < 3) {
      if (chunk[at] !== BYTE_ORDER_MARK[this.#bomBytesSeen]) {
        this.#atStart = false;
        this.#partial.append(BYTE_ORDER_MARK.subarray(0, this.#bomBytesSeen - at));
        return 0;
      }
      at++;
      this.#bomBytesSeen++;
    }
    if (this.#bomBytesSeen === 3) this.#atStart = false;
    return at;
  }

  #lines(chunk: Buffer, start: number, events: SseEvent[]): void {
    let at = start;
    // Each search runs once past its last hit; -1 means: none in the rest of the chunk.
    let lf = chunk.indexOf(LF, at);
    let cr = chunk.indexOf(CR, at);
    while (at < chunk.length) {
      if (this.#skipLineFeed) {
        this.#skipLineFeed = false;
        if (chunk[at] === LF) {
          at++;
          lf = chunk.indexOf(LF, at);
          continue;
        }
      }
      const byCarriageReturn = cr !== -1 && (lf === -1 || cr < lf);
      const end = byCarriageReturn ? cr : lf;
      if (end === -1) {
        this.#partial.append(at === 0 ? chunk : chunk.subarray(at));
        this.#bound(this.#partial.length);
        return;
      }
      if (this.#partial.length > 0) {
        this.#partial.append(chunk.subarray(at, end));
        this.#bound(this.#partial.length);
        this.#line(this.#partial.view(), 0, this.#partial.length, events);
        this.#partial.clear();
      } else {
        this.#bound(end - at);
        this.#line(chunk, at, end, events);
      }
      at = end + 1;
      if (byCarriageReturn) {
        this.#skipLineFeed = true;
        cr = chunk.indexOf(CR, at);
      } else {
        lf = chunk.indexOf(LF, at);
      }
    }
  }

  #line(bytes: Buffer, start: number, end: number, events: SseEvent[]): void {
    if (start === end) {
      this.#dispatch(events);
      return;
    }
    if (bytes[start] === COLON) return;
    // The four known names have at most five letters, so a longer one without a colon is unknown anyway.
    let colon = start;
    while (colon < end && colon - start < 6 && bytes[colon] !== COLON) colon++;
    const name = fieldName(bytes, start, colon);
    if (name === "") return;
    let valueStart = Math.min(colon + 1, end);
    if (valueStart < end && bytes[valueStart] === SPACE) valueStart++;
    this.#field(name, bytes.toString("utf8", valueStart, end), end - valueStart);
  }

  #field(name: FieldName, value: string, valueBytes: number): void {
    switch (name) {
      case "data":
        this.#heldBytes += valueBytes + 1;
        this.#bound(this.#heldBytes);
        this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
        return;
      case "event":
        this.#bound(this.#heldBytes + valueBytes);
        this.#event = value;
        return;
      case "id":
        this.#bound(this.#heldBytes + valueBytes);
        if (!value.includes("\0")) this.#pendingId = value;
        return;
      case "retry":
        if (/^\d{1,15}$/.test(value)) {
          this.#retry = Number(value);
          this.#retryMs = this.#retry;
        }
    }
  }

  #dispatch(events: SseEvent[]): void {
    // An empty id takes the id back.
    this.#lastEventId = this.#pendingId === "" ? undefined : this.#pendingId;
    if (this.#data !== undefined) {
      events.push({
        event: this.#event === "" ? "message" : this.#event,
        data: this.#data,
        id: this.#lastEventId,
        retry: this.#retry,
      });
    }
    this.#data = undefined;
    this.#heldBytes = 0;
    this.#event = "";
    this.#retry = undefined;
  }

  #bound(bytes: number): void {
    if (bytes > this.#eventBytesMax) throw new SseEventTooLarge(this.#eventBytesMax);
  }
}

type FieldName = "data" | "event" | "id" | "retry";

/** The known field names told by their bytes; anything else is "". */
function fieldName(bytes: Buffer, start: number, end: number): FieldName | "" {
  const length = end - start;
  if (length > 5) return "";
  switch (bytes[start]) {
    case 100: // d
      return length === 4 && bytes.toString("latin1", start, end) === "data" ? "data" : "";
    case 101: // e
      return length === 5 && bytes.toString("latin1", start, end) === "event" ? "event" : "";
    case 105: // i
      return length === 2 && bytes[start + 1] === 100 ? "id" : "";
    case 114: // r
      return length === 5 && bytes.toString("latin1", start, end) === "retry" ? "retry" : "";
    default:
      return "";
  }
}

export interface SseFields {
  readonly data: string;
  readonly event?: string | undefined;
  readonly id?: string | undefined;
  /** Milliseconds, a non-negative integer. */
  readonly retry?: number | undefined;
}

/**
 * One event as text. Line breaks in the data become further `data` lines and are read back as LF, so data can never
 * forge a field or end the event.
 * @throws TypeError where `id` or `event` holds a line break or NUL, or `retry` is no such integer: the format cannot carry them.
 */
export function formatEvent(fields: SseFields): string {
  let text = "";
  if (fields.id !== undefined) text = `id: ${singleLine(fields.id)}\n`;
  if (fields.event !== undefined) text += `event: ${singleLine(fields.event)}\n`;
  if (fields.retry !== undefined) {
    if (!Number.isSafeInteger(fields.retry) || fields.retry < 0)
      throw new TypeError("retry is not a non-negative integer");
    text += `retry: ${fields.retry}\n`;
  }
  const { data } = fields;
  const oneLine = data.indexOf("\n") === -1 && data.indexOf("\r") === -1;
  return `${text}data: ${oneLine ? data : data.split(/\r\n|\r|\n/).join("\ndata: ")}\n\n`;
}

function singleLine(value: string): string {
  if (/[\r\n\0]/.test(value)) throw new TypeError("an event field holds a line break or NUL");
  return value;
}
