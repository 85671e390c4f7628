import { GatewayError } from "../errors/gateway-error.ts";
import type { IncomingRequest } from "../model/incoming-request.ts";
import { ByteBuffer } from "../protocol/byte-buffer.ts";

/** What a body may take. */
export interface BodyLimits {
  readonly bytesMax: number;
  /** Longest time until all of it is there. */
  readonly timeoutMs: number;
}

/** A declared body no longer than this has this long at the listener itself; nothing has to watch one that may take longer. */
export const SHORT_BODY_BYTES = 64 * 1024;
export const SHORT_BODY_MS = 10_000;

/**
 * The text of a request's body; of one that is longer than `bytesMax`, declared or not, no more than that is held. What
 * a refused client goes on to send is thrown away by the listener until it closes the connection. At once where it is all here.
 * @throws GatewayError (the promise rejects) `body_too_large`, `request_timeout`
 */
export function readText(request: IncomingRequest, limits: BodyLimits): string | Promise<string> {
  const { bytesMax, timeoutMs } = limits;
  const declared = request.headers.get("content-length");
  if (declared === null && request.body !== null) return inTime(readCounted(request.body, bytesMax), limits);
  const bytes = Number(declared);
  if (bytes > bytesMax) return Promise.reject(tooLarge(bytesMax));
  const text = request.text();
  if (typeof text === "string") return text;
  return bytes > SHORT_BODY_BYTES || timeoutMs < SHORT_BODY_MS ? inTime(text, limits) : text;
}

async function readCounted(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<string> {
  const reader = body.getReader();
  // One growing block: a client may send its bytes one by one, and an object for each would cost a hundred times as much.
  const bytes = new ByteBuffer();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new TextDecoder().decode(bytes.view());
    if (bytes.length + value.length > bytesMax) {
      // Not awaited: it is done when the client has sent everything.
      reader.cancel().catch(() => {});
      throw tooLarge(bytesMax);
    }
    bytes.append(value);
  }
}

async function inTime(text: Promise<string>, limits: BodyLimits): Promise<string> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  // Closed with the answer: a client this slow would otherwise keep the socket as long again.
  const error = () => new GatewayError("request_timeout", {}, { headers: { connection: "close" } });
  const timer = setTimeout(() => reject(error()), limits.timeoutMs);
  try {
    return await Promise.race([text, late]);
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(limit: number): GatewayError {
  return new GatewayError("body_too_large", { limit });
}
