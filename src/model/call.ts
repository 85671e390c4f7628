import type { JsonObject, JsonValue } from "../protocol/json-value.ts";
import type { JsonRpcErrorBody, JsonRpcNotification } from "../protocol/jsonrpc.ts";
import type { LogLevel } from "../protocol/meta.ts";
import type { Era } from "../protocol/revision.ts";
import type { Cancellation } from "./cancellation.ts";
import type { PageItems } from "./page-items.ts";

/** What a client said of itself on this request (modern) or at `initialize` (legacy). */
export interface ClientContext {
  readonly era: Era;
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly info: JsonObject | undefined;
  /** Minimum severity of log messages wanted; absent means none (modern) or the server's choice (legacy). */
  readonly logLevel: LogLevel | undefined;
  /** The legacy session, where there is one. */
  readonly sessionId: string | undefined;
}

/** A question of a server to the person or model behind the client: `elicitation/create`, `sampling/createMessage`, `roots/list`. */
export interface InputRequest {
  readonly method: string;
  readonly params: JsonObject;
}
export type InputRequests = Readonly<Record<string, InputRequest>>;
/** The bare result for each key that was asked. */
export type InputResponses = Readonly<Record<string, JsonValue>>;

/**
 * How one request ended.
 * `result` is the peer's result object as it was sent; `exact` says that it holds numbers or key orders that only
 * the source-text path keeps (see `protocol/json.ts`). `error` is a JSON-RPC error of the peer, relayed.
 * Failures of the gateway itself are thrown as `GatewayError`.
 */
export type Outcome =
  | { readonly kind: "result"; readonly result: JsonObject; readonly exact: boolean; readonly bytes?: number }
  | { readonly kind: "error"; readonly error: JsonRpcErrorBody; readonly exact: boolean }
  | ListOutcome;

/** One page of a merged list, its items serialised when the catalog was compiled. */
export interface ListOutcome {
  readonly kind: "list";
  readonly key: "tools" | "resources" | "resourceTemplates" | "prompts";
  readonly items: PageItems;
  readonly nextCursor: string | undefined;
  readonly ttlMs: number;
  readonly cacheScope: "public" | "private";
}

/** The two ways back to the client while its request runs. */
export interface BackChannel {
  /**
   * Passes on `notifications/progress` or `notifications/message`. Progress carries no token here: the edge adds the
   * client's own. Dropped silently where the client cannot take it.
   */
  notify(notification: JsonRpcNotification): void;
  /**
   * Puts questions to the client and waits for all the answers.
   * @throws GatewayError `client_cannot_answer` where the client declared no such capability or cannot be asked.
   */
  ask(requests: InputRequests): Promise<InputResponses>;
}

/** A value and its JSON text, so that one who holds this very value need not write it again. */
export interface ValueText {
  readonly value: JsonValue;
  readonly text: string;
}

/** One call to one upstream server, in canonical (modern) form with the server's own names. */
export interface UpstreamCall extends BackChannel {
  /** Correlation id of the request it belongs to. */
  readonly id: string;
  readonly method: string;
  /** As the client sent them, names translated; `_meta` without the keys of `protocol/meta.ts` and without progressToken. */
  readonly params: JsonObject;
  /** `params` came over the source-text path. */
  readonly exact: boolean;
  /** `params.arguments` as text, where it was needed before. */
  readonly argumentsText?: ValueText | undefined;
  readonly client: ClientContext;
  readonly principalId: string;
  readonly wantsProgress: boolean;
  /** Schema of the tool called, for `Mcp-Param-*` headers. */
  readonly inputSchema: JsonObject | undefined;
  /** May be sent again after it reached the server. */
  readonly repeatable: boolean;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  readonly cancellation: Cancellation;
}
