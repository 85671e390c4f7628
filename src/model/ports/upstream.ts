import type { JsonObject } from "../../protocol/json-value.ts";
import type { JsonRpcNotification } from "../../protocol/jsonrpc.ts";
import type { Era } from "../../protocol/revision.ts";
import type { InputRequests, InputResponses, Outcome, UpstreamCall } from "../call.ts";
import type { ServerDefinition } from "../server.ts";

/** What a server offers, as it said it; definitions are parsed JSON, unknown members included. */
export interface UpstreamLists {
  readonly tools: readonly JsonObject[];
  readonly resources: readonly JsonObject[];
  readonly resourceTemplates: readonly JsonObject[];
  readonly prompts: readonly JsonObject[];
  readonly instructions: string | undefined;
  readonly capabilities: JsonObject;
  readonly serverInfo: JsonObject | undefined;
  /** Changes whenever any of the above changes. */
  readonly version: string;
  /** Definitions left out, each with the reason shown to the operator. */
  readonly excluded: readonly { readonly kind: string; readonly name: string; readonly reason: string }[];
}

export type UpstreamStatus = "connecting" | "ready" | "failed" | "closed";

export interface UpstreamState {
  readonly status: UpstreamStatus;
  /** Why it failed, in words for the operator. */
  readonly reason: string | undefined;
  readonly era: Era | undefined;
  readonly revision: string | undefined;
  readonly breaker: "closed" | "open" | "half_open";
  readonly inFlight: number;
  /** Milliseconds since the epoch of the next attempt, when failed. */
  readonly retryAt: number | undefined;
  readonly sessions: number;
}

export type UpstreamEvent =
  | { readonly kind: "state"; readonly state: UpstreamState }
  | { readonly kind: "lists"; readonly lists: UpstreamLists }
  /** `notifications/resources/updated` for a URI somebody subscribed to; of `principalId` alone where it came on a session of their own. */
  | {
      readonly kind: "resource_updated";
      readonly params: JsonObject;
      readonly principalId: string | undefined;
    };

/**
 * A listener of one client session on one upstream, for what no call carries: log messages of a private session and
 * questions asked outside a call. Only sessions that nobody else shares deliver here.
 */
export interface SessionListener {
  readonly principalId: string;
  readonly sessionId: string;
  notify(notification: JsonRpcNotification): void;
  ask(requests: InputRequests): Promise<InputResponses>;
}

/** One server of the configuration, connected when needed, in whatever era and transport it speaks. */
export interface Upstream {
  readonly server: ServerDefinition;
  /** As `state.era`, without the cost of the rest. */
  readonly era: Era | undefined;
  readonly state: UpstreamState;
  /** The lists last read; `undefined` until the server answered once. */
  readonly lists: UpstreamLists | undefined;
  /** Connects and reads the lists; failures become state, never an exception. */
  start(): void;
  /**
   * Runs one call. Failures of the connection are thrown as `GatewayError` (`upstream_unreachable`, `upstream_timeout`,
   * `upstream_busy`, `upstream_protocol_error`, `upstream_lost`, `upstream_circuit_open`); what the server answers, errors included, is the outcome.
   */
  call(call: UpstreamCall): Promise<Outcome>;
  /** Somebody heard that the lists changed, perhaps not on a connection of this process: they are read again soon. */
  refreshLists(): void;
  /** Counts the subscribers of a resource; the first subscribes upstream, the last unsubscribes. Returns the release. */
  subscribeResource(uri: string): Promise<() => void>;
  listen(listener: SessionListener): () => void;
  /** Tells the sessions that are the client's alone; where several share one, nobody's roots are the session's. */
  rootsChanged(owner: Pick<SessionListener, "principalId" | "sessionId">): void;
  onEvent(listener: (event: UpstreamEvent) => void): () => void;
  /**
   * Ends sessions and children. Calls under way, and those just being sent, get `graceMs` to end (default 0); what is left
   * then ends with `upstream_lost`. Calling it again without grace cuts the grace short.
   */
  close(graceMs?: number): Promise<void>;
}

export type UpstreamFactory = (server: ServerDefinition) => Upstream;
