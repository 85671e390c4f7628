/** Thrown by the parsers of this folder for bytes that are not HTTP/1.1. */
export class MalformedMessage extends Error {
  constructor(why: string) {
    super(why);
    this.name = "MalformedMessage";
  }
}

// A CR or LF outside a pair, or a NUL: how one message is made to look like two (RFC 9112, 2.2 and 11.1).
const STRAY = /\0|\r(?!\n)|[^\r]\n/;
const COLON = 58;
const TOKEN = tokenTable();

/** @param text of a head, as latin1 @throws MalformedMessage */
export function refuseStray(text: string): void {
  if (STRAY.test(text)) throw new MalformedMessage("a stray CR, LF or NUL in the head");
}

/** Index of the first character from `start` on that no token holds (RFC 9110, 5.6.2). */
export function tokenEnd(text: string, start: number): number {
  let at = start;
  while (TOKEN[text.charCodeAt(at)] === 1) at++;
  return at;
}

/**
 * Index of the colon of the header line at `start`: no folding, no space before the colon (RFC 9112, 5).
 * @throws MalformedMessage
 */
export function nameEnd(text: string, start: number): number {
  const end = tokenEnd(text, start);
  if (end === start || text.charCodeAt(end) !== COLON)
    throw new MalformedMessage("a header line without a name");
  return end;
}

/** Whether `text` from `start` to `end` is `name`, which is in lower case, written in any case. */
export function isNamed(text: string, start: number, end: number, name: string): boolean {
  for (let i = start, j = 0; i < end; i++, j++) {
    const code = text.charCodeAt(i);
    const lower = code >= 65 && code <= 90 ? code | 32 : code;
    if (lower !== name.charCodeAt(j)) return false;
  }
  return true;
}

/** What stands between `start` and `end`, without the spaces and tabs round it; `trim` would take more (RFC 9110, 5.6.3). */
export function fieldValue(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

export function addValue(previous: string | undefined, value: string): string {
  return previous === undefined ? value : `${previous}, ${value}`;
}

/** `close` among the options of `Connection`. */
export function saysClose(value: string): boolean {
  return /(?:^|[\s,])close(?:$|[\s,])/i.test(value);
}

function tokenTable(): Uint8Array {
  const table = new Uint8Array(256);
  for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    table[char.charCodeAt(0)] = 1;
  return table;
}
