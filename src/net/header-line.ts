const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e]*$/;
/** Owned by the client: a second one would contradict it. */
const RESERVED: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "accept-encoding",
  "upgrade",
  "expect",
  "te",
  "trailer",
]);

/**
 * One line for `HttpRequest.headerBlock`: `name: value\r\n`.
 * @throws TypeError for a name that is no token or is the client's own, and for values beyond visible ASCII, space and tab.
 */
export function headerLine(name: string, value: string): string {
  if (!NAME.test(name)) throw new TypeError("not a header name");
  if (RESERVED.has(name.toLowerCase())) throw new TypeError(`the ${name} header is set by the client`);
  if (!VALUE.test(value))
    throw new TypeError(`the value of the ${name} header holds characters HTTP refuses`);
  return `${name}: ${value}\r\n`;
}
