/**
 * What the gateway reads of an HTTP request, whoever received it: the part of the Fetch standard's `Request` that it
 * needs, so that a `Request` is one too.
 */
export interface IncomingRequest {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  readonly headers: IncomingHeaders;
  /** To be read once, this way or by `text`; `null` where the request has none. */
  readonly body: ReadableStream<Uint8Array> | null;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** The whole body as UTF-8, at once where it is here. Who calls it has seen a `Content-Length` and bounds it. */
  text(): string | Promise<string>;
}

export interface IncomingHeaders extends Iterable<[string, string]> {
  /** Values of repeated lines are joined by ", ". @param name in lower case */
  get(name: string): string | null;
  has(name: string): boolean;
}
