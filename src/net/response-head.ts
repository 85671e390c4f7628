/** Thrown by the parsers of this folder for bytes that are not HTTP/1.1; the client makes an `HttpFailure` of it. */
export class MalformedResponse extends Error {
  constructor(why: string) {
    super(why);
    this.name = "MalformedResponse";
  }
}

/** Most bytes of all heads (interim ones included) of one response. */
export const HEAD_BYTES_MAX = 64 * 1024;

/** Status line and header lines of one response, checked; single headers are looked up when asked for. */
export interface ResponseHead {
  readonly status: number;
  /** Content-Length, or -1 without one. */
  readonly contentLength: number;
  readonly chunked: boolean;
  /** The server lets the connection live on. */
  readonly keepAlive: boolean;
  /** `Keep-Alive: timeout`, in seconds; -1 without one. */
  readonly keepAliveS: number;
  /** `Content-Encoding`, repeated ones joined. */
  readonly contentEncoding: string | undefined;
  /** The lines as received, from the first header on; each ends with CR LF. */
  readonly lines: string;
}

const TOKEN = tokenTable();
// A CR or LF outside a pair, or a NUL: how one response is made to look like two (RFC 9112, 2.2 and 11.1).
const STRAY = /\0|\r(?!\n)|[^\r]\n/;
const COLON = 58;

/**
 * Parses one head: `text` is the bytes as latin1, from the status line to the last header's CR LF, without the empty line.
 * Strict where leniency desynchronises peers (RFC 9112, 5 and 6): no folding, no space before the colon, no repeated or
 * differing Content-Length, no Transfer-Encoding but `chunked`, never both.
 * @throws MalformedResponse
 */
export function parseHead(text: string): ResponseHead {
  const status = parseStatusLine(text);
  if (STRAY.test(text)) throw new MalformedResponse("a stray CR, LF or NUL in the head");
  const isHttp11 = text.charCodeAt(7) === 49;
  const linesStart = text.indexOf("\r\n") + 2;
  let contentLength = -1;
  let chunked = false;
  let keepAlive = isHttp11;
  let keepAliveS = -1;
  let contentEncoding: string | undefined;
  let at = linesStart;
  while (at < text.length) {
    let colon = at;
    while (TOKEN[text.charCodeAt(colon)] === 1) colon++;
    if (colon === at || text.charCodeAt(colon) !== COLON)
      throw new MalformedResponse("a header line without a name");
    const end = text.indexOf("\r\n", colon);
    // The lengths of content-length, content-encoding, transfer-encoding and connection/keep-alive; other lines cost no allocation.
    switch (colon - at) {
      case 14:
        if (isNamed(text, at, colon, "content-length"))
          contentLength = parseContentLength(text.slice(colon + 1, end).trim(), contentLength);
        break;
      case 16:
        if (isNamed(text, at, colon, "content-encoding"))
          contentEncoding = addValue(contentEncoding, text.slice(colon + 1, end));
        break;
      case 17:
        if (isNamed(text, at, colon, "transfer-encoding")) {
          if (
            chunked ||
            text
              .slice(colon + 1, end)
              .trim()
              .toLowerCase() !== "chunked"
          )
            throw new MalformedResponse("a Transfer-Encoding other than chunked");
          chunked = true;
        }
        break;
      case 10:
        if (isNamed(text, at, colon, "connection")) {
          if (/(?:^|[\s,])close(?:$|[\s,])/i.test(text.slice(colon + 1, end))) keepAlive = false;
        } else if (isNamed(text, at, colon, "keep-alive")) {
          const timeout = /(?:^|[\s,])timeout\s*=\s*"?(\d{1,6})/i.exec(text.slice(colon + 1, end));
          if (timeout?.[1] !== undefined) keepAliveS = Number(timeout[1]);
        }
    }
    at = end + 2;
  }
  if (chunked && contentLength !== -1)
    throw new MalformedResponse("both Transfer-Encoding and Content-Length");
  if (chunked && !isHttp11) throw new MalformedResponse("Transfer-Encoding in HTTP/1.0");
  return {
    status,
    contentLength,
    chunked,
    keepAlive,
    keepAliveS,
    contentEncoding,
    lines: text.slice(linesStart),
  };
}

/** The value of a header, repeated ones joined by ", "; `name` in lower case. */
export function headerValue(lines: string, name: string): string | undefined {
  let value: string | undefined;
  let at = 0;
  while (at < lines.length) {
    const end = lines.indexOf("\r\n", at);
    const colon = at + name.length;
    if (lines.charCodeAt(colon) === COLON && isNamed(lines, at, colon, name)) {
      value = addValue(value, lines.slice(colon + 1, end));
    }
    at = end + 2;
  }
  return value;
}

function addValue(previous: string | undefined, raw: string): string {
  const value = raw.trim();
  return previous === undefined ? value : `${previous}, ${value}`;
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
    throw new MalformedResponse("the status line is not HTTP/1.x");
  return status;
}

function isNamed(text: string, start: number, end: number, name: string): boolean {
  for (let i = start, j = 0; i < end; i++, j++) {
    const code = text.charCodeAt(i);
    const lower = code >= 65 && code <= 90 ? code | 32 : code;
    if (lower !== name.charCodeAt(j)) return false;
  }
  return true;
}

function parseContentLength(value: string, previous: number): number {
  // 15 digits stay exact; a petabyte is no body.
  if (!/^\d{1,15}$/.test(value)) throw new MalformedResponse("Content-Length is not a number");
  if (previous !== -1) throw new MalformedResponse("Content-Length is repeated");
  return Number(value);
}

function tokenTable(): Uint8Array {
  const table = new Uint8Array(256);
  for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    table[char.charCodeAt(0)] = 1;
  return table;
}
