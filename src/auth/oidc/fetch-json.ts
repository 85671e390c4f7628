import type { HttpClient } from "../../net/http-exchange.ts";

const BYTES_MAX = 256 * 1024;
const TIMEOUT_MS = 5_000;

/** A document of an identity provider, through the outbound guard: 256 KiB and 5 s of silence at most, no redirect followed. */
export async function fetchJson(http: HttpClient, url: string): Promise<Readonly<Record<string, unknown>>> {
  const response = await http.request({
    method: "GET",
    target: http.target(url),
    headerBlock: "accept: application/json\r\n",
    body: undefined,
    cancellation: undefined,
    idleTimeoutMs: TIMEOUT_MS,
    bodyBytesMax: BYTES_MAX,
  });
  if (response.status !== 200) {
    response.abort();
    throw new Error(`${url} answered with status ${response.status}`);
  }
  const document: unknown = JSON.parse(await response.text());
  if (typeof document !== "object" || document === null) throw new Error(`${url} is no JSON object`);
  return document as Readonly<Record<string, unknown>>;
}
