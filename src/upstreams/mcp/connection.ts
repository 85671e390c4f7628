import type {
  ClientContext,
  InputRequests,
  InputResponses,
  Outcome,
  UpstreamCall,
} from "../../model/call.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import type { JsonRpcNotification } from "../../protocol/jsonrpc.ts";
import type { Era } from "../../protocol/revision.ts";

/**
 * One negotiated conversation with an MCP server in one era: an HTTP endpoint, a legacy session, or a child process.
 * It owns the hop's identities (JSON-RPC ids, progress tokens, subscription ids) and nothing above them; pooling, retries,
 * the circuit breaker and list caching are the `McpUpstream`'s.
 */
export interface Connection {
  readonly era: Era;
  readonly revision: string;
  readonly serverInfo: JsonObject | undefined;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
  /** Runs one request; see `Upstream.call` for what is thrown and what is an outcome. */
  request(call: UpstreamCall): Promise<Outcome>;
  /** Sends a notification of the client (legacy `notifications/roots/list_changed`). */
  notify(notification: JsonRpcNotification): void;
  /** Legacy `resources/subscribe` or a modern `subscriptions/listen` that includes the URI. */
  subscribe(uri: string): Promise<void>;
  unsubscribe(uri: string): Promise<void>;
  /** Legacy `ping`, modern `server/discover`; rejects when the server does not answer in `timeoutMs`. */
  ping(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Why a connection ended: for the log and the operator. */
export interface ConnectionLoss {
  readonly reason: string;
  /** The server ended it in order (child exit 0, 404 on a session). */
  readonly orderly: boolean;
}

/** What a connection reports that belongs to no call. */
export interface ConnectionEvents {
  /** `list_changed`, `resources/updated`, log messages, anything unattributed. */
  onNotification(notification: JsonRpcNotification): void;
  /** A question asked outside any call (or, on a single channel, one that no call can claim). */
  onQuestion(requests: InputRequests): Promise<InputResponses>;
  onLost(loss: ConnectionLoss): void;
}

export interface ConnectionRequest {
  /** The capability set declared to a legacy server at `initialize`; ignored where the era is modern. */
  readonly client: Pick<ClientContext, "capabilities" | "info">;
  readonly events: ConnectionEvents;
}
