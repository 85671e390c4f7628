import type { IncomingRequest } from "./incoming-request.ts";
import type { LimitNote } from "./limit-note.ts";
import type { Principal } from "./principal.ts";

/** A request as the door sees it: headers only, no byte of the body read. */
export interface Arrival extends LimitNote {
  readonly request: IncomingRequest;
  readonly path: string;
  /** Correlation id, the gateway's own; a client's `X-Request-Id` is only noted. */
  readonly id: string;
  /** Address of the socket's other end. */
  readonly peerAddress: string;
  /** What the route needs: nothing, or a credential. */
  readonly credential: "none" | "required";
  /** Address of the client, which behind trusted proxies differs from the peer's. */
  clientAddress: string;
  /** Set by the layer `authenticate`. */
  principal: Principal | undefined;
  /** Why its credential was refused, for the log and the record. */
  refusal?: string | undefined;
}
