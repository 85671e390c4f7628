import type { Arrival } from "../../model/arrival.ts";
import type { Endpoint } from "../../model/exchange.ts";
import type { Log } from "../../model/ports/log.ts";
import type { Peers } from "../../model/ports/peers.ts";
import type { Relay } from "../../model/ports/relay.ts";
import type { Principal } from "../../model/principal.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import type { WaitingRoom } from "./waiting.ts";

/** What both edges share for the life of the process. */
export interface EdgeDeps {
  readonly relay: Relay;
  readonly peers: Peers;
  readonly waiting: WaitingRoom;
  readonly serverInfo: JsonObject;
  readonly log: Log;
  /** Open streams this process holds at most. */
  readonly streamsMax: number;
  /** The same for one principal. */
  readonly streamsPerPrincipalMax: number;
}

/** One HTTP request at one endpoint, past the door. */
export interface EdgeRequest {
  readonly arrival: Arrival;
  readonly principal: Principal;
  readonly endpoint: Endpoint;
  /** Headers every answer carries: correlation id, CORS. */
  readonly headers: Readonly<Record<string, string>>;
  readonly streams: boolean;
  /** Another process received it; what this one does not hold either is nowhere. */
  readonly forwarded: boolean;
}
