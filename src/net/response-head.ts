import { HeaderLines } from "./header-lines.ts";
import {
  addValue,
  fieldValue,
  isNamed,
  MalformedMessage,
  nameEnd,
  refuseStray,
  saysClose,
} from "./header-syntax.ts";

/** Most bytes of all heads (interim ones included) of one response. */
export const HEAD_BYTES_MAX = 64 * 1024;

/** Longer lengths are not exact; a petabyte is no body. */
const LENGTH_DIGITS_MAX = 15;
/** Above this a head is copied, so that no body is kept with it. */
const SHARED_BYTES_MAX = 4096;
const DIGIT_0 = 48;

/** What stands in the status line and the header lines that frame the message. */
interface Framing {
  readonly status: number;
  /** Content-Length, or -1 without one. */
  contentLength: number;
  chunked: boolean;
  /** The server lets the connection live on. */
  keepAlive: boolean;
  /** `Keep-Alive: timeout`, in seconds; -1 without one. */
  keepAliveS: number;
  /** `Content-Encoding`, repeated ones joined. */
  contentEncoding: string | undefined;
  /** Where in the head the digits of Content-Length stand: from, to. Equal without one. */
  lengthPlace: readonly [number, number];
}

/** Status line and header lines of one response, checked; single headers are looked up when asked for. */
export class ResponseHead implements Readonly<Framing> {
  readonly status: number;
  readonly contentLength: number;
  readonly chunked: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveS: number;
  readonly contentEncoding: string | undefined;
  readonly lengthPlace: readonly [number, number];
  readonly #lines: HeaderLines;

  constructor(framing: Readonly<Framing>, lines: HeaderLines, contentLength = framing.contentLength) {
    this.status = framing.status;
    this.contentLength = contentLength;
    this.chunked = framing.chunked;
    this.keepAlive = framing.keepAlive;
    this.keepAliveS = framing.keepAliveS;
    this.contentEncoding = framing.contentEncoding;
    this.lengthPlace = framing.lengthPlace;
    this.#lines = lines;
  }

  /** The value of a header, repeated ones joined by ", "; `name` in lower case. */
  value(name: string): string | undefined {
    if (name !== "content-length") return this.#lines.get(name) ?? undefined;
    return this.contentLength < 0 ? undefined : String(this.contentLength);
  }

  /** The same head, come again with a body of this length. */
  again(contentLength: number): ResponseHead {
    this.#lines.remember();
    return contentLength === this.contentLength ? this : new ResponseHead(this, this.#lines, contentLength);
  }
}

/**
 * The last head of one connection. Servers say the same over and over: where all but the digits of Content-Length is, byte
 * for byte, as it was, nothing of it is parsed again.
 */
export class LastHead {
  #bytes: Uint8Array | undefined;
  #end = 0;
  #head: ResponseHead | undefined;
  /** Of the head that `match` found, the empty line included. */
  bytes = 0;

  /** `bytes` from 0 to `end` are the head, the empty line included; nobody writes to them any more. */
  keep(head: ResponseHead, bytes: Uint8Array, end: number): void {
    this.#head = head;
    this.#bytes = bytes.length <= SHARED_BYTES_MAX ? bytes : bytes.slice(0, end);
    this.#end = end;
  }

  /** The head at the beginning of `bytes`, where it is the last one again, whole. */
  match(bytes: Uint8Array): ResponseHead | undefined {
    const known = this.#bytes;
    const head = this.#head;
    if (known === undefined || head === undefined) return undefined;
    const [from, to] = head.lengthPlace;
    for (let at = 0; at < from; at++) if (bytes[at] !== known[at]) return undefined;
    let contentLength = -1;
    let at = from;
    if (from !== to) {
      contentLength = 0;
      for (; at - from <= LENGTH_DIGITS_MAX; at++) {
        const digit = (bytes[at] as number) - DIGIT_0;
        if (!(digit >= 0 && digit <= 9)) break;
        contentLength = contentLength * 10 + digit;
      }
      if (at === from || at - from > LENGTH_DIGITS_MAX) return undefined;
    }
    for (let knownAt = to; knownAt < this.#end; knownAt++, at++) {
      if (bytes[at] !== known[knownAt]) return undefined;
    }
    this.bytes = at;
    return head.again(contentLength);
  }
}

/**
 * Parses one head: `text` is the bytes as latin1, from the status line to the last header's CR LF, without the empty line.
 * Strict where leniency desynchronises peers (RFC 9112, 5 and 6): no folding, no space before the colon, no repeated or
 * differing Content-Length, no Transfer-Encoding but `chunked`, never both.
 * @throws MalformedMessage
 */
export function parseHead(text: string): ResponseHead {
  const status = parseStatusLine(text);
  refuseStray(text);
  const isHttp11 = text.charCodeAt(7) === 49;
  const framing: Framing = {
    status,
    contentLength: -1,
    chunked: false,
    keepAlive: isHttp11,
    keepAliveS: -1,
    contentEncoding: undefined,
    lengthPlace: [0, 0],
  };
  const places: number[] = [];
  let at = text.indexOf("\r\n") + 2;
  while (at < text.length) {
    const colon = nameEnd(text, at);
    const end = text.indexOf("\r\n", colon);
    places.push(at, colon, end);
    // The lengths of content-length, content-encoding, transfer-encoding and connection/keep-alive; other lines cost no allocation.
    switch (colon - at) {
      case 14:
        if (isNamed(text, at, colon, "content-length")) {
          const value = fieldValue(text, colon + 1, end);
          framing.contentLength = parseContentLength(value, framing.contentLength);
          const from = text.indexOf(value, colon + 1);
          framing.lengthPlace = [from, from + value.length];
        }
        break;
      case 16:
        if (isNamed(text, at, colon, "content-encoding"))
          framing.contentEncoding = addValue(framing.contentEncoding, fieldValue(text, colon + 1, end));
        break;
      case 17:
        if (isNamed(text, at, colon, "transfer-encoding")) {
          if (framing.chunked || fieldValue(text, colon + 1, end).toLowerCase() !== "chunked")
            throw new MalformedMessage("a Transfer-Encoding other than chunked");
          framing.chunked = true;
        }
        break;
      case 10:
        if (isNamed(text, at, colon, "connection")) {
          if (saysClose(text.slice(colon + 1, end))) framing.keepAlive = false;
        } else if (isNamed(text, at, colon, "keep-alive")) {
          const timeout = /(?:^|[\s,])timeout\s*=\s*"?(\d{1,6})/i.exec(text.slice(colon + 1, end));
          if (timeout?.[1] !== undefined) framing.keepAliveS = Number(timeout[1]);
        }
    }
    at = end + 2;
  }
  if (framing.chunked && framing.contentLength !== -1)
    throw new MalformedMessage("both Transfer-Encoding and Content-Length");
  if (framing.chunked && !isHttp11) throw new MalformedMessage("Transfer-Encoding in HTTP/1.0");
  return new ResponseHead(framing, new HeaderLines(text, places));
}

function parseStatusLine(text: string): number {
  const minor = text.charCodeAt(7);
  const status = Number(text.slice(9, 12));
  const after = text.charCodeAt(12);
  // A missing reason may take its space along; some servers send it so.
  if (
    !text.startsWith("HTTP/1.") ||
    (minor !== 48 && minor !== 49) ||
    text.charCodeAt(8) !== 32 ||
    !(status >= 100 && status <= 999 && Number.isInteger(status)) ||
    (after !== 32 && after !== 13)
  )
    throw new MalformedMessage("the status line is not HTTP/1.x");
  return status;
}

function parseContentLength(value: string, previous: number): number {
  if (!/^\d+$/.test(value) || value.length > LENGTH_DIGITS_MAX)
    throw new MalformedMessage("Content-Length is not a number");
  if (previous !== -1) throw new MalformedMessage("Content-Length is repeated");
  return Number(value);
}
