import { GatewayError } from "../../../errors/gateway-error.ts";
import { isObject, type JsonObject, type JsonValue } from "../../../protocol/json-value.ts";
import type { JsonRpcNotification } from "../../../protocol/jsonrpc.ts";
import { Meta } from "../../../protocol/meta.ts";
import type { Peer } from "./peer.ts";
import type { ChannelContext } from "./settings.ts";

const RELISTEN_FIRST_MS = 1_000;
const RELISTEN_LAST_MS = 60_000;

interface Listen {
  readonly id: number;
  readonly acknowledged: (honoured: JsonObject) => void;
}

/**
 * The one `subscriptions/listen` a modern connection holds (2026-07-28, basic/utilities/subscriptions). A changed set is
 * a new listen; the old one ends after the new one was acknowledged, so that nothing falls between them.
 */
export class Subscriptions {
  readonly #peer: Peer;
  readonly #context: ChannelContext;
  readonly #meta: JsonObject;
  readonly #listFilter: JsonObject;
  readonly #server: string;
  readonly #uris = new Set<string>();
  #honoured = new Set<string>();
  #current: Listen | undefined;
  #opening: Listen | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #relistenMs = RELISTEN_FIRST_MS;
  #relisten: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(
    peer: Peer,
    context: ChannelContext,
    meta: JsonObject,
    capabilities: JsonObject,
    server: string,
  ) {
    this.#peer = peer;
    this.#context = context;
    this.#meta = meta;
    this.#server = server;
    this.#listFilter = listFilter(capabilities);
  }

  /** Listens for changed lists, where the server announces them. A refusal leaves the connection usable. */
  start(): void {
    this.#sync().catch((thrown) => this.#retryLater(thrown));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#relisten);
  }

  /** @throws GatewayError `invalid_params` where the server does not honour it */
  async add(uri: string): Promise<void> {
    if (this.#honoured.has(uri)) return;
    this.#uris.add(uri);
    try {
      await this.#sync();
      if (this.#honoured.has(uri)) return;
    } catch (thrown) {
      this.#uris.delete(uri);
      throw thrown;
    }
    this.#uris.delete(uri);
    throw new GatewayError("invalid_params", { detail: "the server takes no subscription to this resource" });
  }

  async remove(uri: string): Promise<void> {
    if (!this.#uris.delete(uri)) return;
    await this.#sync();
  }

  owns(subscription: JsonValue): boolean {
    return subscription === this.#current?.id || subscription === this.#opening?.id;
  }

  acknowledge(notification: JsonRpcNotification): void {
    const meta = notification.params?._meta;
    const honoured = notification.params?.notifications;
    const opening = this.#opening;
    if (opening === undefined || !isObject(meta) || meta[Meta.subscriptionId] !== opening.id) return;
    opening.acknowledged(isObject(honoured) ? honoured : {});
  }

  /** The server ended a listen by a cancellation. */
  ended(id: JsonValue | undefined): void {
    if (typeof id === "number" && this.owns(id)) this.#peer.drop(id);
  }

  /** Runs one change at a time; changes that come meanwhile go out together in the next. */
  #sync(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#open().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#sync();
      });
    return this.#next;
  }

  async #open(): Promise<void> {
    const previous = this.#current;
    const notifications: JsonObject = { ...this.#listFilter };
    if (this.#uris.size > 0) notifications.resourceSubscriptions = [...this.#uris];
    if (Object.keys(notifications).length === 0) {
      this.#current = undefined;
      this.#honoured = new Set();
    } else await this.#listen(notifications);
    if (previous !== undefined) this.#peer.forget(previous.id, "replaced by another listen");
  }

  async #listen(notifications: JsonObject): Promise<void> {
    const id = this.#peer.takeId();
    const { promise: acknowledgement, resolve: acknowledged } = Promise.withResolvers<JsonObject>();
    const listen: Listen = { id, acknowledged };
    this.#opening = listen;
    const end = this.#peer
      .request(id, "subscriptions/listen", { notifications, _meta: this.#meta }, Number.POSITIVE_INFINITY)
      .then((answer) => (answer.kind === "error" ? `${answer.error.code} ${answer.error.message}` : "ended"));
    const timer = setTimeout(
      () => this.#peer.forget(id, "not acknowledged"),
      this.#context.settings.controlTimeoutMs,
    );
    try {
      const honoured = await Promise.race([
        acknowledgement,
        end.then((reason) => {
          throw new GatewayError(
            "upstream_protocol_error",
            { server: this.#server },
            { cause: new Error(reason) },
          );
        }),
      ]);
      const uris = honoured.resourceSubscriptions;
      this.#honoured = new Set(Array.isArray(uris) ? uris.filter((uri) => typeof uri === "string") : []);
      this.#current = listen;
      this.#relistenMs = RELISTEN_FIRST_MS;
    } finally {
      clearTimeout(timer);
      this.#opening = undefined;
      const over = (reason: unknown) => {
        if (this.#current !== listen) return;
        this.#current = undefined;
        this.#honoured = new Set();
        this.#retryLater(reason);
      };
      end.then(over, over);
    }
  }

  #retryLater(reason: unknown): void {
    if (this.#stopped || this.#peer.loss !== undefined) return;
    this.#context.log.debug(
      { server: this.#server, reason: String(reason) },
      "subscriptions/listen ended; listening again",
    );
    clearTimeout(this.#relisten);
    this.#relisten = setTimeout(() => this.start(), this.#relistenMs);
    this.#relisten.unref?.();
    this.#relistenMs = Math.min(this.#relistenMs * 2, RELISTEN_LAST_MS);
  }
}

/** Asks for what the server announces: one that never changes its lists is not asked. */
function listFilter(capabilities: JsonObject): JsonObject {
  const filter: JsonObject = {};
  for (const [capability, wish] of [
    ["tools", "toolsListChanged"],
    ["prompts", "promptsListChanged"],
    ["resources", "resourcesListChanged"],
  ] as const) {
    const declared = capabilities[capability];
    if (isObject(declared) && declared.listChanged === true) filter[wish] = true;
  }
  return filter;
}
