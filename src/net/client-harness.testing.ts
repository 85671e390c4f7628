// What every test of the client needs; `closeAll` ends whatever a test opened through it.
import { expect } from "bun:test";
import type { HttpRequest, HttpResponse } from "./http-exchange.ts";
import { Http1Client, type Http1ClientOptions } from "./http1-client.ts";
import { OutboundGuard } from "./outbound-guard.ts";
import { type RawServer, rawServer } from "./raw-server.testing.ts";

export const closers: (() => void)[] = [];
/** For `afterEach` of every file that imports this. */
export function closeAll(): void {
  for (const close of closers.splice(0)) close();
}

export function client(options: Http1ClientOptions = {}): Http1Client {
  const made = new Http1Client(new OutboundGuard(["loopback"]), options);
  closers.push(() => made.close());
  return made;
}
export async function serve(...rest: Parameters<typeof rawServer>): Promise<RawServer> {
  const server = await rawServer(...rest);
  closers.push(() => server.close());
  return server;
}
export function ask(http: Http1Client, url: string, over: Partial<HttpRequest> = {}): Promise<HttpResponse> {
  return http.request({
    method: "POST",
    target: http.target(url),
    headerBlock: "",
    body: "{}",
    cancellation: undefined,
    idleTimeoutMs: 5_000,
    bodyBytesMax: 1 << 20,
    ...over,
  });
}
export const text = async (response: Promise<HttpResponse>) => (await response).text();
export const failure = (kind: string, sent = true) => ({ name: "HttpFailure", kind, sent });
export const ok = (body: string, headers = "") =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
export const until = async (condition: () => boolean) => {
  for (let i = 0; i < 300 && !condition(); i++) await Bun.sleep(10);
  expect(condition()).toBe(true);
};
