import type { Cancellation } from "../../../model/cancellation.ts";
import type { HttpConnectionSettings } from "../../../model/server.ts";
import { headerLine, isOwnHeader } from "../../../net/header-line.ts";
import type { HttpClient, HttpResponse, HttpTarget } from "../../../net/http-exchange.ts";
import type { UpstreamLimits } from "../limits.ts";

/**
 * The URL of one server with everything constant about its requests prepared: the header lines that never change are
 * one string, made and checked once.
 */
export class HttpEndpoint {
  readonly http: HttpClient;
  readonly target: HttpTarget;
  readonly limits: UpstreamLimits;
  readonly server: string;
  /** Credential, configured headers and `user-agent`; each line ends in CR LF. */
  readonly commonHeaders: string;
  /** Of a POST that may be answered with JSON or a stream. */
  readonly postHeaders: string;
  /** Of a GET that asks for a stream. */
  readonly streamHeaders: string;

  /** @throws HttpFailure `refused_address`; TypeError where a configured header is not one */
  constructor(
    http: HttpClient,
    server: string,
    settings: HttpConnectionSettings,
    limits: UpstreamLimits,
    userAgent: string,
  ) {
    this.http = http;
    this.server = server;
    this.limits = limits;
    this.target = http.target(settings.url);
    const fields = new Map<string, string>([["user-agent", userAgent]]);
    // People copy whole sets of headers; those the gateway sets itself are left out.
    for (const [name, value] of Object.entries(settings.headers)) {
      if (!isOwnHeader(name)) fields.set(name.toLowerCase(), value);
    }
    if (settings.auth) fields.set(settings.auth.header.toLowerCase(), settings.auth.value);
    this.commonHeaders = [...fields].map(([name, value]) => headerLine(name, value)).join("");
    this.postHeaders = `content-type: application/json\r\naccept: application/json, text/event-stream\r\n${this.commonHeaders}`;
    this.streamHeaders = `accept: text/event-stream\r\n${this.commonHeaders}`;
  }

  post(
    headerBlock: string,
    body: string,
    cancellation: Cancellation | undefined,
    idleTimeoutMs: number,
  ): Promise<HttpResponse> {
    return this.http.request({
      method: "POST",
      target: this.target,
      headerBlock,
      body,
      cancellation,
      idleTimeoutMs,
      bodyBytesMax: this.limits.resultBytesMax,
    });
  }

  get(
    headerBlock: string,
    cancellation: Cancellation | undefined,
    idleTimeoutMs: number,
  ): Promise<HttpResponse> {
    return this.#bodyless("GET", headerBlock, cancellation, idleTimeoutMs);
  }

  delete(headerBlock: string, cancellation: Cancellation, idleTimeoutMs: number): Promise<HttpResponse> {
    return this.#bodyless("DELETE", headerBlock, cancellation, idleTimeoutMs);
  }

  #bodyless(
    method: "GET" | "DELETE",
    headerBlock: string,
    cancellation: Cancellation | undefined,
    idleTimeoutMs: number,
  ): Promise<HttpResponse> {
    return this.http.request({
      method,
      target: this.target,
      headerBlock,
      body: undefined,
      cancellation,
      idleTimeoutMs,
      bodyBytesMax: this.limits.resultBytesMax,
    });
  }
}

export function isJson(contentType: string | undefined): boolean {
  return contentType !== undefined && mediaType(contentType) === "application/json";
}
export function isEventStream(contentType: string | undefined): boolean {
  return contentType !== undefined && mediaType(contentType) === "text/event-stream";
}

function mediaType(contentType: string): string {
  // The two spellings every server sends need no work.
  if (contentType === "application/json" || contentType === "text/event-stream") return contentType;
  const end = contentType.indexOf(";");
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}
