import type { JsonObject } from "../protocol/json-value.ts";
import type { BackChannel, ClientContext, ValueText } from "./call.ts";
import type { Cancellation } from "./cancellation.ts";
import type { Continuation } from "./continuation.ts";
import type { IncomingHeaders } from "./incoming-request.ts";
import type { LimitNote } from "./limit-note.ts";
import type { CallIntent } from "./ports/journal.ts";
import type { Upstream } from "./ports/upstream.ts";
import type { Principal } from "./principal.ts";
import type { ServerDefinition } from "./server.ts";

/** What a URL stands for: every server of a namespace, or one. */
export interface Endpoint {
  readonly organizationId: string;
  readonly namespaceId: string;
  readonly namespaceSlug: string;
  /** Set on `/servers/{server}/mcp`: names are bare and extensions may pass. */
  readonly server: ServerDefinition | undefined;
  /** Path as the client wrote it; sessions and sealed states are bound to it. */
  readonly path: string;
}

/** What a request was found to be about. Resolved before the audit, so that a refusal names it too. */
export interface Target {
  readonly kind: "tool" | "prompt" | "resource" | "template" | "completion" | "extension";
  readonly server: ServerDefinition;
  /** `undefined` where a route leads nowhere: the call ends as if the server could not be reached. */
  readonly upstream: Upstream | undefined;
  /** The server's own name: tool, prompt, URI or method. */
  readonly name: string;
  /** The definition as listed; undefined for a resource reached by template or scheme. */
  readonly definition: JsonObject | undefined;
  /** A tool may run twice (operator's list or trusted annotations). */
  readonly repeatable: boolean;
}

/** One client request in canonical (modern, stateless) form, with the ways back to the client while it runs. */
export interface Exchange extends BackChannel {
  /** Correlation id, 16 to 64 characters; in every answer, log line and record. */
  readonly id: string;
  readonly method: string;
  /** Without the edge's own `_meta` keys (`protocol/meta.ts`, progressToken). */
  readonly params: JsonObject;
  readonly exact: boolean;
  readonly principal: Principal;
  readonly endpoint: Endpoint;
  readonly client: ClientContext;
  readonly wantsProgress: boolean;
  readonly clientAddress: string;
  /** For the answer's headers; of the whole HTTP request. */
  readonly limitNote: LimitNote;
  readonly traceparent: string | undefined;
  /** Headers among which some mirror arguments (2026-07-28); undefined where the client's revision has none. */
  readonly mirroredHeaders: Pick<IncomingHeaders, "get"> | undefined;
  readonly cancellation: Cancellation;
  /** `performance.now()` at arrival. */
  readonly startedAt: number;
  /** Milliseconds since the epoch; moves on while the client is being asked. */
  deadline: number;
  target: Target | undefined;
  /**
   * The call this request goes on with, where it brought a state of ours. A `parked` one runs already: its retry costs no
   * quota. A `server`'s own state may be presented any number of times, and each time the server runs.
   */
  continuation: Continuation | undefined;
  /** `params.arguments` as text, once something needed it. */
  argumentsText: ValueText | undefined;
  /** Set when the intent stands in the journal. */
  intent: CallIntent | undefined;
}

/** What an edge must provide; see `newExchange`. */
export type ExchangeInit = Omit<
  Exchange,
  "deadline" | "target" | "continuation" | "argumentsText" | "intent"
>;

export function newExchange(init: ExchangeInit): Exchange {
  // Member by member: copying by `Object.assign` or a spread goes through the runtime, on every call.
  return {
    id: init.id,
    method: init.method,
    params: init.params,
    exact: init.exact,
    principal: init.principal,
    endpoint: init.endpoint,
    client: init.client,
    wantsProgress: init.wantsProgress,
    clientAddress: init.clientAddress,
    limitNote: init.limitNote,
    traceparent: init.traceparent,
    mirroredHeaders: init.mirroredHeaders,
    cancellation: init.cancellation,
    startedAt: init.startedAt,
    notify: init.notify,
    ask: init.ask,
    deadline: Number.POSITIVE_INFINITY,
    target: undefined,
    continuation: undefined,
    argumentsText: undefined,
    intent: undefined,
  };
}
