import { GatewayError } from "../errors/gateway-error.ts";
import type {
  ClientContext,
  InputRequests,
  InputResponses,
  Outcome,
  UpstreamCall,
  ValueText,
} from "../model/call.ts";
import type { Cancellation } from "../model/cancellation.ts";
import type { Exchange, Target } from "../model/exchange.ts";
import type { ServerDefinition } from "../model/server.ts";
import type { PermissionCache } from "../policy/authorize/permission-cache.ts";
import type { Next } from "../policy/policy.ts";
import { asObject, type JsonObject } from "../protocol/json-value.ts";
import type { JsonRpcNotification } from "../protocol/jsonrpc.ts";
import type { CallerServers } from "./caller-servers.ts";
import type { ListKey } from "./catalog-part.ts";
import type { Listing } from "./listing.ts";

const LIST_KEYS: Readonly<Record<string, ListKey>> = {
  "tools/list": "tools",
  "prompts/list": "prompts",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates",
};

/** The end of the pipeline: a merged list from the catalog, or the call to the one server it is for. */
export function route(
  servers: CallerServers,
  listing: Listing,
  permissions: PermissionCache,
): Next<Exchange, Outcome> {
  return (exchange) => {
    const { target } = exchange;
    if (target !== undefined) {
      const { upstream, server } = target;
      if (upstream === undefined) throw new GatewayError("upstream_unreachable", { server: server.name });
      const outcome = upstream.call(new RoutedCall(exchange, target));
      return server.servedBy === undefined ? outcome : outcome.catch(failsAs(server));
    }
    const key = LIST_KEYS[exchange.method];
    const catalog = servers.catalog(exchange);
    if (key === undefined || catalog === undefined) {
      throw new GatewayError("method_unknown", { method: exchange.method });
    }
    const { cursor } = exchange.params;
    if (cursor !== undefined && typeof cursor !== "string") throw new GatewayError("cursor_invalid");
    return listing.page(
      catalog,
      key,
      exchange.endpoint,
      permissions.of(exchange.principal, exchange.endpoint.namespaceSlug),
      cursor,
    );
  };
}

/** Its caller knows the server by the name it called; which one failed stands in the record. */
function failsAs({ name, servedBy }: ServerDefinition): (thrown: unknown) => never {
  return (thrown) => {
    if (!(thrown instanceof GatewayError) || thrown.params.server !== servedBy?.name) throw thrown;
    throw thrown.about({ server: name });
  };
}

/** The exchange as its server gets it: the server's own names, everything else as the client sent it. */
class RoutedCall implements UpstreamCall {
  readonly #exchange: Exchange;
  readonly params: JsonObject;
  readonly inputSchema: JsonObject | undefined;
  readonly repeatable: boolean;
  /** Questions under way; the time left stands still from the first to the last of them. */
  #asking = 0;
  #leftMs = 0;

  constructor(exchange: Exchange, target: Target) {
    this.#exchange = exchange;
    this.params = traced(ownParams(exchange, target), exchange.traceparent);
    this.inputSchema =
      target.kind === "tool" ? (target.definition?.inputSchema as JsonObject | undefined) : undefined;
    this.repeatable = target.repeatable;
  }

  get id(): string {
    return this.#exchange.id;
  }
  get method(): string {
    return this.#exchange.method;
  }
  get exact(): boolean {
    return this.#exchange.exact;
  }
  get argumentsText(): ValueText | undefined {
    return this.#exchange.argumentsText;
  }
  get client(): ClientContext {
    return this.#exchange.client;
  }
  get principalId(): string {
    return this.#exchange.principal.id;
  }
  get wantsProgress(): boolean {
    return this.#exchange.wantsProgress;
  }
  /** Read it again at each check: it moves on while the client is being asked. */
  get deadline(): number {
    return this.#exchange.deadline;
  }
  get cancellation(): Cancellation {
    return this.#exchange.cancellation;
  }
  notify(notification: JsonRpcNotification): void {
    this.#exchange.notify(notification);
  }
  async ask(requests: InputRequests): Promise<InputResponses> {
    if (this.#asking++ === 0) {
      this.#leftMs = this.#exchange.deadline - Date.now();
      this.#exchange.deadline = Number.POSITIVE_INFINITY;
    }
    try {
      return await this.#exchange.ask(requests);
    } finally {
      if (--this.#asking === 0) this.#exchange.deadline = Date.now() + this.#leftMs;
    }
  }
}

function ownParams(exchange: Exchange, target: Target): JsonObject {
  const { params } = exchange;
  switch (exchange.method) {
    case "tools/call":
    case "prompts/get":
      return params.name === target.name ? params : renamed(params, target.name);
    case "completion/complete": {
      const ref = params.ref as JsonObject;
      return ref.type === "ref/prompt" ? { ...params, ref: { ...ref, name: target.name } } : params;
    }
    default:
      return params;
  }
}

/** By name: a spread goes through the runtime, on every call. */
function renamed(params: JsonObject, name: string): JsonObject {
  const own: JsonObject = {};
  for (const key in params) own[key] = params[key];
  own.name = name;
  return own;
}

/** A trace that came in an HTTP header goes on in `_meta`, where MCP carries it; one in `_meta` stays as it is. */
function traced(params: JsonObject, traceparent: string | undefined): JsonObject {
  if (traceparent === undefined) return params;
  const meta = asObject(params._meta);
  return meta?.traceparent === undefined ? { ...params, _meta: { ...meta, traceparent } } : params;
}
