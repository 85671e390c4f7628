import { STATUS_CODES } from "node:http";

/** What the listener writes itself: a second one would contradict it. */
const OWN: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "transfer-encoding",
]);
const UNWRITABLE = /[^\t\x20-\x7e]/g;
const HAS_UNWRITABLE = /[^\t\x20-\x7e]/;

/** How the body goes out: so many bytes, chunked, until the connection ends, or none by the status's nature. */
export type BodyFraming = number | "chunked" | "until_close" | "none";

let date = "";
let dateSecond = 0;

/** RFC 9110, 6.6.1; written anew every second. */
function dateLine(): string {
  const second = Math.floor(Date.now() / 1000);
  // Unequal, not later: a clock may be set back.
  if (second !== dateSecond) {
    dateSecond = second;
    date = `date: ${new Date(second * 1000).toUTCString()}\r\n`;
  }
  return date;
}

const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

/** One header line; what must not be in a value is replaced, so that none can end its line. */
export function fieldLine(name: string, value: string): string {
  if (OWN.has(name)) return "";
  return `${name}: ${HAS_UNWRITABLE.test(value) ? value.replace(UNWRITABLE, "?") : value}\r\n`;
}

/** The head of an answer, its empty line included: ASCII. @param lines each by `fieldLine` @param connection by `connectionLine` */
export function answerHead(status: number, lines: string, framing: BodyFraming, connection: string): string {
  let head = statusLine(status) + lines;
  if (typeof framing === "number") head += `content-length: ${framing}\r\n`;
  else if (framing === "chunked") head += "transfer-encoding: chunked\r\n";
  return `${head}${dateLine()}${connection}\r\n`;
}

/** RFC 9112, 9.3: what is not said is that HTTP/1.1 stays open, and 1.0 does not. */
export function connectionLine(keepsAlive: boolean, isHttp11: boolean): string {
  if (keepsAlive) return isHttp11 ? "" : "connection: keep-alive\r\n";
  return "connection: close\r\n";
}

export function fieldLines(headers: Readonly<Record<string, string>>): string {
  let lines = "";
  for (const name in headers) lines += fieldLine(name, headers[name] as string);
  return lines;
}
