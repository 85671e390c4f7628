import type { ForwardedRequest } from "../model/ports/peers.ts";
import type { Principal } from "../model/principal.ts";

/** A forwarded request as it arrives, without the signal of its client. */
export type Envelope = Omit<ForwardedRequest, "signal">;

/** One line of JSON with everything but the body, then the body as it is. */
export function encodeForwarded(request: Envelope): string {
  const { method, path, headers, principal, correlationId, clientAddress, body } = request;
  return `${JSON.stringify({ method, path, headers, principal, correlationId, clientAddress })}\n${body}`;
}

/** Only for what a signature vouches for: the sender is this program. */
export function decodeForwarded(text: string): Envelope {
  const end = text.indexOf("\n");
  const head = JSON.parse(text.slice(0, end)) as Omit<Envelope, "body"> & { principal: Principal };
  return { ...head, body: text.slice(end + 1) };
}
