import type { Cancellation } from "../model/cancellation.ts";

/** A destination that passed the outbound guard; connections are pooled by it. Made by `HttpClient.target`. */
export interface HttpTarget {
  /** `https://host:port`, for logs. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  /** Request-line and Host plus the fixed headers, ready to be written; see `HttpClient.target`. */
  readonly url: URL;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "DELETE" | "PUT" | "PATCH" | "HEAD";
  readonly target: HttpTarget;
  /** Header lines besides Host, Content-Length, Connection: each `name: value\r\n`, already validated; or empty. */
  readonly headerBlock: string;
  readonly body: string | undefined;
  readonly cancellation: Cancellation | undefined;
  /** Longest silence before the response head, and between body chunks; milliseconds. */
  readonly idleTimeoutMs: number;
  /** Longest body taken by `text()`; bytes. */
  readonly bodyBytesMax: number;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-cased name; repeated headers joined by ", ". */
  header(name: string): string | undefined;
  /** The whole body as UTF-8. Returns the string itself (no promise) when it is already here. */
  text(): string | Promise<string>;
  /**
   * Delivers body chunks as they arrive, with back-pressure: the next chunk is read when the returned promise resolves.
   * Resolves at the end of the body.
   */
  pipe(onChunk: (chunk: Uint8Array) => void | Promise<void>): Promise<void>;
  /** Drops the connection; the server sees a disconnect. */
  abort(): void;
}

export type HttpFailureKind =
  /** The address was refused by the guard. */
  | "refused_address"
  /** DNS, connect or TLS failed: no byte of the request left. */
  | "connect"
  /** A reused connection closed before any byte of the response, the request possibly unread by the server. */
  | "reset_before_response"
  | "reset"
  | "timeout"
  | "cancelled"
  | "protocol"
  | "too_large";

/** Thrown by the client; the connector maps it to the catalogue. `sent` is true once any byte of the request left. */
export class HttpFailure extends Error {
  readonly kind: HttpFailureKind;
  readonly sent: boolean;
  constructor(kind: HttpFailureKind, message: string, sent: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "HttpFailure";
    this.kind = kind;
    this.sent = sent;
  }
}

/** HTTP/1.1 client of the hot path: pooled, pinned to the guarded address, never re-sending by itself. */
export interface HttpClient {
  /**
   * Parses and guards a URL once. @throws HttpFailure `refused_address` for what the guard refuses by literal alone;
   * names are resolved and checked at each connect, and the checked address is the dialled one.
   */
  target(url: string): HttpTarget;
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Ends idle connections; those in use end with their exchange. */
  close(): void;
}
