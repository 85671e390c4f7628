import type { JsonObject } from "../../protocol/json-value.ts";
import type { JsonRpcNotification } from "../../protocol/jsonrpc.ts";
import type { InputRequests, InputResponses, Outcome } from "../call.ts";
import type { Endpoint, Exchange } from "../exchange.ts";
import type { Principal } from "../principal.ts";

/** What a client learns of an endpoint by `server/discover` or `initialize`. */
export interface EndpointDescription {
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
  readonly serverInfo: JsonObject;
  readonly ttlMs: number;
}

/** What a client wants to hear without asking (2026-07-28 `subscriptions/listen`, or a legacy session). */
export interface SubscriptionFilter {
  readonly toolsListChanged?: boolean;
  readonly promptsListChanged?: boolean;
  readonly resourcesListChanged?: boolean;
  readonly resourceSubscriptions?: readonly string[];
}

export interface Subscriber {
  readonly principal: Principal;
  readonly endpoint: Endpoint;
  /** A `list_changed` or `resources/updated` notification within the filter. */
  notify(notification: JsonRpcNotification): void;
  /** What is kept for it and was not read yet may be forbidden now; called before it is told of changed lists. */
  rightsChanged?(): void;
}
export interface Subscription {
  /** The part of the filter that can be kept. */
  readonly honoured: SubscriptionFilter;
  /** The subscriber's principal may something else now: other lists, perhaps. */
  rightsChanged(): void;
  release(): void;
}

/** A legacy client's session, for what upstream sessions of its own send outside any call. */
export interface SessionSubscriber {
  readonly principal: Principal;
  readonly endpoint: Endpoint;
  readonly sessionId: string;
  notify(notification: JsonRpcNotification): void;
  ask(requests: InputRequests): Promise<InputResponses>;
}

export interface SessionAttachment {
  /** The session's principal may something else now: other servers, perhaps. */
  rightsChanged(): void;
  release(): void;
}

/** The gateway as the transports see it: one way in for every client request, whatever its era. */
export interface Relay {
  /** Runs the Call pipeline. Failures of the gateway are thrown as `GatewayError`. */
  handle(exchange: Exchange): Outcome | Promise<Outcome>;
  /**
   * Set while the one server of an endpoint connects for the first time, or while the process starts and `method` asks what
   * an endpoint of many can do: resolves when they answered, failed, or took too long.
   */
  connecting(endpoint: Endpoint, principal: Principal, method: string | undefined): Promise<void> | undefined;
  describe(endpoint: Endpoint, principal: Principal): EndpointDescription;
  subscribe(subscriber: Subscriber, filter: SubscriptionFilter): Promise<Subscription>;
  /** Attaches a legacy session to the servers its principal may see, now and later, for what they send outside any call. */
  attachSession(subscriber: SessionSubscriber): SessionAttachment;
  /** The endpoint is there, and the principal may use it: what is open there may stay. */
  reaches(principal: Principal, endpoint: Endpoint): boolean;
  /** The client's roots are others now (`notifications/roots/list_changed`, 2025-11-25 client/roots). */
  rootsChanged(session: Pick<SessionSubscriber, "principal" | "endpoint" | "sessionId">): void;
}
