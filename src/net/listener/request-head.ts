import type { IncomingHeaders } from "../../model/incoming-request.ts";
import { HeaderLines } from "../header-lines.ts";
import {
  addValue,
  fieldValue,
  isNamed,
  MalformedMessage,
  nameEnd,
  refuseStray,
  saysClose,
  tokenEnd,
} from "../header-syntax.ts";

/** Most bytes of the head of a request, the empty line included. */
export const REQUEST_HEAD_BYTES_MAX = 32 * 1024;

const SPACE = 32;
const SLASH = 47;
/** Longer numbers are not exact, and no length that anybody takes. */
const LENGTH_DIGITS_MAX = 15;
/** What a target is made of (RFC 3986), and what clients leave unescaped in it. */
const TARGET = /^[!-~]+$/;
/** Name or address, and port (RFC 3986, 3.2.2), with nothing in it that would end them in a URL; monitors send an empty one. */
const HOST = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=-]+)?(?::\d{0,5})?$/i;

/** Request line and header lines of one request, checked; single headers are looked up when asked for. */
export class RequestHead implements IncomingHeaders {
  readonly method: string;
  /** Path and query, or `*`. */
  readonly target: string;
  readonly isHttp11: boolean;
  /** Content-Length, infinite where it is longer than a number may be, or -1 without one. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  /** The client lets the connection live on. */
  readonly keepsAlive: boolean;
  /** The client sends the body when it is told to (RFC 9110, 10.1.1). */
  readonly expectsContinue: boolean;
  readonly #lines: HeaderLines;
  #url: string | undefined;

  constructor(
    line: { readonly method: string; readonly target: string; readonly isHttp11: boolean },
    framing: Framing,
    lines: HeaderLines,
  ) {
    this.method = line.method;
    this.target = line.target;
    this.isHttp11 = line.isHttp11;
    this.contentLength = framing.contentLength;
    this.isChunked = framing.isChunked;
    this.keepsAlive = framing.keepsAlive;
    this.expectsContinue = framing.expectsContinue;
    this.#lines = lines;
  }

  get hasBody(): boolean {
    return this.isChunked || this.contentLength > 0;
  }

  /** The same head came again. */
  remember(): void {
    this.#lines.remember();
  }

  url(scheme: string): string {
    return (this.#url ??= `${scheme}${this.get("host") || "localhost"}${this.target}`);
  }

  get(name: string): string | null {
    return this.#lines.get(name);
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  [Symbol.iterator](): Iterator<[string, string]> {
    return this.#lines.all().entries();
  }
}

interface Framing {
  contentLength: number;
  isChunked: boolean;
  keepsAlive: boolean;
  expectsContinue: boolean;
}

/**
 * Parses one head: `text` is the bytes as latin1, from the request line to the last header's CR LF, without the empty line.
 * Strict where leniency lets two programs see two requests in the same bytes (RFC 9112, 3, 5, 6 and 11.2): one `Host`, one
 * `Content-Length`, no `Transfer-Encoding` but `chunked` alone, never both, no folding, no space before a colon.
 * @throws MalformedMessage
 */
export function parseRequestHead(text: string): RequestHead {
  refuseStray(text);
  const lineEnd = text.indexOf("\r\n");
  const { method, target, isHttp11 } = parseRequestLine(text.slice(0, lineEnd));
  const framing: Framing = {
    contentLength: -1,
    isChunked: false,
    keepsAlive: true,
    expectsContinue: false,
  };
  const places: number[] = [];
  let host: string | undefined;
  let connection: string | undefined;
  for (let at = lineEnd + 2; at < text.length; ) {
    const colon = nameEnd(text, at);
    const end = text.indexOf("\r\n", colon);
    places.push(at, colon, end);
    // The lengths of the names that frame a message; other lines are not looked at.
    switch (colon - at) {
      case 4:
        if (isNamed(text, at, colon, "host")) {
          if (host !== undefined) throw new MalformedMessage("Host is repeated");
          host = fieldValue(text, colon + 1, end);
          if (!HOST.test(host)) throw new MalformedMessage("Host is no host");
        }
        break;
      case 6:
        if (isNamed(text, at, colon, "expect"))
          framing.expectsContinue = /^100-continue$/i.test(fieldValue(text, colon + 1, end));
        break;
      case 10:
        if (isNamed(text, at, colon, "connection"))
          connection = addValue(connection, text.slice(colon + 1, end));
        break;
      case 14:
        if (isNamed(text, at, colon, "content-length"))
          framing.contentLength = parseLength(fieldValue(text, colon + 1, end), framing.contentLength);
        break;
      case 17:
        if (isNamed(text, at, colon, "transfer-encoding")) {
          const coding = fieldValue(text, colon + 1, end).toLowerCase();
          if (framing.isChunked || coding !== "chunked")
            throw new MalformedMessage("a Transfer-Encoding other than chunked");
          framing.isChunked = true;
        }
    }
    at = end + 2;
  }
  if (framing.isChunked && framing.contentLength !== -1)
    throw new MalformedMessage("both Transfer-Encoding and Content-Length");
  if (framing.isChunked && !isHttp11) throw new MalformedMessage("Transfer-Encoding in HTTP/1.0");
  if (isHttp11 && host === undefined) throw new MalformedMessage("no Host");
  framing.keepsAlive = keepsAlive(connection, isHttp11);
  const line = { method, target: originForm(target, host), isHttp11 };
  return new RequestHead(line, framing, new HeaderLines(text, places));
}

function parseRequestLine(line: string) {
  const methodEnd = tokenEnd(line, 0);
  const targetEnd = line.lastIndexOf(" ");
  const version = line.slice(targetEnd + 1);
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0")
    throw new MalformedMessage("the request line does not end with HTTP/1.1 or HTTP/1.0");
  const target = line.slice(methodEnd + 1, targetEnd);
  if (methodEnd === 0 || line.charCodeAt(methodEnd) !== SPACE || !TARGET.test(target))
    throw new MalformedMessage("the request line is not method, target and version");
  return { method: line.slice(0, methodEnd), target, isHttp11: version === "HTTP/1.1" };
}

/** RFC 9112, 3.2: a path, or a URL whose host is the one of `Host`. */
function originForm(target: string, host: string | undefined): string {
  if (target.charCodeAt(0) === SLASH || target === "*") return target;
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target);
  if (absolute === null || absolute[1]?.toLowerCase() !== host?.toLowerCase())
    throw new MalformedMessage("the target is neither a path nor a URL of the Host");
  const rest = absolute[2] as string;
  return rest.charCodeAt(0) === SLASH ? rest : `/${rest}`;
}

function keepsAlive(connection: string | undefined, isHttp11: boolean): boolean {
  if (connection === undefined) return isHttp11;
  return !saysClose(connection) && (isHttp11 || /(?:^|[\s,])keep-alive(?:$|[\s,])/i.test(connection));
}

function parseLength(value: string, previous: number): number {
  if (!/^\d+$/.test(value)) throw new MalformedMessage("Content-Length is not a number");
  if (previous !== -1) throw new MalformedMessage("Content-Length is repeated");
  return value.length > LENGTH_DIGITS_MAX ? Number.POSITIVE_INFINITY : Number(value);
}
