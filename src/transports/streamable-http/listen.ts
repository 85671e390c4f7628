import { GatewayError } from "../../errors/gateway-error.ts";
import type { Subscription, SubscriptionFilter } from "../../model/ports/relay.ts";
import type { Principal } from "../../model/principal.ts";
import { stringifyExact } from "../../protocol/json-exact.ts";
import { asObject, type JsonObject, type JsonValue } from "../../protocol/json-value.ts";
import { Meta } from "../../protocol/meta.ts";
import type { EdgeDeps, EdgeRequest } from "./edge.ts";
import { EVENT_STREAM_HEADERS, EventStream } from "./event-stream.ts";
import type { ModernRequest } from "./modern-request.ts";
import type { Waiter } from "./waiting.ts";

const RESOURCES_MAX = 1_000;

/** Open listen streams of this process, so that shutdown can end each with its closing result. */
const open = new Set<ListenStream>();

/** `subscriptions/listen` (2026-07-28): one long stream, acknowledged first, ended by a result. */
export async function listen(deps: EdgeDeps, request: EdgeRequest, read: ModernRequest): Promise<Response> {
  if (!request.streams) throw new GatewayError("not_acceptable", { expected: "text/event-stream" });
  if (open.size >= deps.streamsMax || isAtLimit(deps, request)) throw new GatewayError("overloaded");
  const stream = new ListenStream(deps, request, read);
  await stream.start(readFilter(read.params));
  return new Response(stream.events.body, { headers: { ...EVENT_STREAM_HEADERS, ...request.headers } });
}

function isAtLimit(deps: EdgeDeps, request: EdgeRequest): boolean {
  if (open.size < deps.streamsPerPrincipalMax) return false;
  let own = 0;
  for (const stream of open) if (stream.principal.id === request.principal.id) own++;
  return own >= deps.streamsPerPrincipalMax;
}

/** Ends every listen stream in order: the closing result first, then the connection. */
export function endListenStreams(): void {
  for (const stream of open) stream.end();
}
export function openListenStreams(): number {
  return open.size;
}

function readFilter(params: JsonObject): SubscriptionFilter {
  const wanted = asObject(params.notifications);
  if (wanted === undefined)
    throw new GatewayError("invalid_params", { detail: "notifications must be an object" });
  const uris = wanted.resourceSubscriptions;
  if (uris !== undefined && (!Array.isArray(uris) || !uris.every((uri) => typeof uri === "string"))) {
    throw new GatewayError("invalid_params", { detail: "resourceSubscriptions must be a list of URIs" });
  }
  if (uris !== undefined && uris.length > RESOURCES_MAX) {
    throw new GatewayError("invalid_params", { detail: `at most ${RESOURCES_MAX} resourceSubscriptions` });
  }
  return {
    toolsListChanged: wanted.toolsListChanged === true,
    promptsListChanged: wanted.promptsListChanged === true,
    resourcesListChanged: wanted.resourcesListChanged === true,
    resourceSubscriptions: (uris ?? []) as string[],
  };
}

class ListenStream implements Waiter {
  readonly events: EventStream;
  readonly startedAt = performance.now();
  lastSignOfLifeAt = this.startedAt;
  attended = true;
  seat = -1;
  readonly #deps: EdgeDeps;
  readonly #request: EdgeRequest;
  readonly #read: ModernRequest;
  readonly #early: { method: string; params?: JsonObject }[] = [];
  #principal: Principal;
  #subscription: Subscription | undefined;
  #acknowledged = false;

  constructor(deps: EdgeDeps, request: EdgeRequest, read: ModernRequest) {
    this.#deps = deps;
    this.#request = request;
    this.#principal = request.principal;
    this.#read = read;
    this.events = new EventStream(() => this.#release());
  }

  /** The acknowledgement goes out only when the servers behind have taken the subscription, or an event could be lost. */
  async start(filter: SubscriptionFilter): Promise<void> {
    const { endpoint } = this.#request;
    const principal = () => this.#principal;
    open.add(this);
    try {
      this.#subscription = await this.#deps.relay.subscribe(
        {
          get principal() {
            return principal();
          },
          endpoint,
          notify: (notification) => this.#forward(notification),
        },
        filter,
      );
    } catch (thrown) {
      open.delete(this);
      throw thrown;
    }
    this.#deps.waiting.enter(this);
    const notifications = this.#subscription.honoured as unknown as JsonValue;
    this.#acknowledged = true;
    this.#forward({ method: "notifications/subscriptions/acknowledged", params: { notifications } });
    for (const notification of this.#early) this.#forward(notification);
    if (!this.events.open) this.#release();
  }

  get principal(): Principal {
    return this.#principal;
  }

  attend(): void {}
  keepAlive(): void {
    this.events.keepAlive();
  }

  interrupt(): void {
    this.end();
  }
  renew(principal: Principal): void {
    this.#principal = principal;
    this.#subscription?.rightsChanged();
    this.recheck();
  }
  recheck(): void {
    if (!this.#deps.relay.reaches(this.#principal, this.#request.endpoint)) this.end();
  }

  end(): void {
    const id = this.#read.id;
    const result = { resultType: "complete", _meta: { [Meta.subscriptionId]: id } };
    this.events.write(stringifyExact({ jsonrpc: "2.0", id, result }));
    this.events.close();
    this.#release();
  }

  #forward(notification: { method: string; params?: JsonObject }): void {
    if (!this.#acknowledged) {
      this.#early.push(notification);
      return;
    }
    const params = notification.params ?? {};
    const meta = { ...asObject(params._meta), [Meta.subscriptionId]: this.#read.id };
    const message = { jsonrpc: "2.0", method: notification.method, params: { ...params, _meta: meta } };
    this.lastSignOfLifeAt = performance.now();
    this.events.write(stringifyExact(message), { droppable: true });
  }

  #release(): void {
    open.delete(this);
    this.#deps.waiting.leave(this);
    this.#subscription?.release();
    this.#subscription = undefined;
  }
}
