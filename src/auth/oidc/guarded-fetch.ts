import type { HttpClient, HttpRequest } from "../../net/http-exchange.ts";

const BYTES_MAX = 256 * 1024;
const TIMEOUT_MS = 10_000;
/** Set by the client itself. */
const OWN_HEADERS = new Set(["host", "content-length", "connection", "transfer-encoding"]);

interface FetchOptions {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: unknown;
}

/** `fetch` for a library, through the outbound guard: 256 KiB, 10 s of silence at most, no redirect followed. */
export function guardedFetch(http: HttpClient): (url: string, options: FetchOptions) => Promise<Response> {
  return async (url, { method = "GET", headers = {}, body }) => {
    const lines = Object.entries(headers).filter(([name]) => !OWN_HEADERS.has(name.toLowerCase()));
    const text = body === undefined || body === null ? undefined : String(body);
    const response = await http.request({
      method: method as HttpRequest["method"],
      target: http.target(url),
      headerBlock: lines.map(([name, value]) => `${name.toLowerCase()}: ${value}\r\n`).join(""),
      body: text,
      cancellation: undefined,
      idleTimeoutMs: TIMEOUT_MS,
      bodyBytesMax: BYTES_MAX,
    });
    const contentType = response.header("content-type");
    return new Response(await response.text(), {
      status: response.status,
      ...(contentType !== undefined && { headers: { "content-type": contentType } }),
    });
  };
}
