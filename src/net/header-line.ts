const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Of the connection, of the body, of what the protocol says: a configured one would contradict the gateway's own. */
const OWN =
  /^(?:host|connection|keep-alive|transfer-encoding|content-length|content-type|accept|accept-encoding|te|trailer|upgrade|expect|last-event-id|mcp-.*)$/i;

/** RFC 9110, 5.1. */
export function isHeaderName(text: string): boolean {
  return NAME.test(text);
}

/** One line of visible characters, spaces and tabs, none beyond Latin-1 (RFC 9110, 5.5). */
export function isHeaderValue(text: string): boolean {
  return VALUE.test(text);
}

/** Set by the gateway alone. */
export function isOwnHeader(name: string): boolean {
  return OWN.test(name);
}

/**
 * One line for `HttpRequest.headerBlock`: `name: value\r\n`.
 * @throws TypeError where name or value would not be one header line; the value is not repeated, it may be a secret
 */
export function headerLine(name: string, value: string): string {
  if (!isHeaderName(name)) throw new TypeError("a configured header name is not valid");
  if (!isHeaderValue(value)) throw new TypeError(`the value of header ${name} is not valid`);
  return `${name}: ${value.trim()}\r\n`;
}
