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

const COLON = 58;

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
  const linesStart = text.indexOf("\r\n") + 2;
  let contentLength = -1;
  let chunked = false;
  let keepAlive = isHttp11;
  let keepAliveS = -1;
  let contentEncoding: string | undefined;
  let at = linesStart;
  while (at < text.length) {
    const colon = nameEnd(text, at);
    const end = text.indexOf("\r\n", colon);
    // The lengths of content-length, content-encoding, transfer-encoding and connection/keep-alive; other lines cost no allocation.
    switch (colon - at) {
      case 14:
        if (isNamed(text, at, colon, "content-length"))
          contentLength = parseContentLength(fieldValue(text, colon + 1, end), contentLength);
        break;
      case 16:
        if (isNamed(text, at, colon, "content-encoding"))
          contentEncoding = addValue(contentEncoding, fieldValue(text, colon + 1, end));
        break;
      case 17:
        if (isNamed(text, at, colon, "transfer-encoding")) {
          if (chunked || fieldValue(text, colon + 1, end).toLowerCase() !== "chunked")
            throw new MalformedMessage("a Transfer-Encoding other than chunked");
          chunked = true;
        }
        break;
      case 10:
        if (isNamed(text, at, colon, "connection")) {
          if (saysClose(text.slice(colon + 1, end))) keepAlive = false;
        } else if (isNamed(text, at, colon, "keep-alive")) {
          const timeout = /(?:^|[\s,])timeout\s*=\s*"?(\d{1,6})/i.exec(text.slice(colon + 1, end));
          if (timeout?.[1] !== undefined) keepAliveS = Number(timeout[1]);
        }
    }
    at = end + 2;
  }
  if (chunked && contentLength !== -1)
    throw new MalformedMessage("both Transfer-Encoding and Content-Length");
  if (chunked && !isHttp11) throw new MalformedMessage("Transfer-Encoding in HTTP/1.0");
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
      value = addValue(value, fieldValue(lines, colon + 1, end));
    }
    at = end + 2;
  }
  return value;
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
  // 15 digits stay exact; a petabyte is no body.
  if (!/^\d{1,15}$/.test(value)) throw new MalformedMessage("Content-Length is not a number");
  if (previous !== -1) throw new MalformedMessage("Content-Length is repeated");
  return Number(value);
}
