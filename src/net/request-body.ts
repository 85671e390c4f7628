import { GatewayError } from "../errors/gateway-error.ts";
import { ByteBuffer } from "../protocol/byte-buffer.ts";

/**
 * The text of a request's body; of one that is longer than `bytesMax`, declared or not, no more than that is held. What
 * a refused client goes on to send is thrown away by the listener until it closes the connection.
 * @throws GatewayError `body_too_large`
 */
export function readText(request: Request, bytesMax: number): Promise<string> {
  const declared = request.headers.get("content-length");
  if (declared === null && request.body !== null) return readCounted(request.body, bytesMax);
  if (Number(declared) > bytesMax) return Promise.reject(tooLarge(bytesMax));
  return request.text();
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

function tooLarge(limit: number): GatewayError {
  return new GatewayError("body_too_large", { limit });
}
