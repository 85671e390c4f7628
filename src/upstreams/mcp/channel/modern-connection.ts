import type { Outcome, UpstreamCall } from "../../../model/call.ts";
import type { ServerDefinition } from "../../../model/server.ts";
import { isObject, type JsonObject, type JsonValue } from "../../../protocol/json-value.ts";
import { type JsonRpcNotification, RpcCode } from "../../../protocol/jsonrpc.ts";
import { Meta } from "../../../protocol/meta.ts";
import { MODERN_REVISION } from "../../../protocol/revision.ts";
import type { Connection, ConnectionLoss, ConnectionRequest } from "../connection.ts";
import { deliverProgress, onlyCall, wantsLog } from "./attribution.ts";

import { hopError } from "./hop-error.ts";
import type { Peer, PeerHandlers } from "./peer.ts";
import { modernMeta, modernMetaText } from "./request-meta.ts";
import type { ChannelContext } from "./settings.ts";
import { Subscriptions } from "./subscriptions.ts";

/** What `server/discover` told. */
export interface Discovered {
  readonly capabilities: JsonObject;
  readonly serverInfo: JsonObject | undefined;
  readonly instructions: string | undefined;
}

/** Revision 2026-07-28 over one channel: stateless requests, and one held `subscriptions/listen`. */
export class ModernConnection implements Connection, PeerHandlers {
  readonly era = "modern";
  readonly revision = MODERN_REVISION;
  readonly serverInfo: JsonObject | undefined;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
  readonly #server: ServerDefinition;
  readonly #peer: Peer;
  readonly #request: ConnectionRequest;
  readonly #context: ChannelContext;
  readonly #subscriptions: Subscriptions;

  constructor(
    server: ServerDefinition,
    peer: Peer,
    request: ConnectionRequest,
    context: ChannelContext,
    discovered: Discovered,
  ) {
    this.#server = server;
    this.#peer = peer;
    this.#request = request;
    this.#context = context;
    this.capabilities = discovered.capabilities;
    this.serverInfo = discovered.serverInfo;
    this.instructions = discovered.instructions;
    this.#subscriptions = new Subscriptions(
      peer,
      context,
      this.#meta(),
      discovered.capabilities,
      server.name,
    );
    peer.handle(this);
    this.#subscriptions.start();
  }

  async request(call: UpstreamCall): Promise<Outcome> {
    const id = this.#peer.takeId();
    const answer = await this.#peer.call(id, modernMetaText(call, id, this.#context.gatewayInfo), call);
    if (answer.kind === "error") {
      const translated = hopError(this.#server.name, call, answer.error);
      if (translated !== undefined) throw translated;
    }
    return answer;
  }

  /** Modern servers take no notification from clients but cancellations; there is nothing to pass on. */
  notify(_notification: JsonRpcNotification): void {}

  subscribe(uri: string): Promise<void> {
    return this.#subscriptions.add(uri);
  }
  unsubscribe(uri: string): Promise<void> {
    return this.#subscriptions.remove(uri);
  }

  async ping(timeoutMs: number): Promise<void> {
    await this.#peer.request(this.#peer.takeId(), "server/discover", { _meta: this.#meta() }, timeoutMs);
  }

  close(): Promise<void> {
    this.#subscriptions.stop();
    return this.#peer.close();
  }

  /** 2026-07-28 has no requests from server to client. */
  onRequest(id: JsonValue, method: string): void {
    this.#peer.refuse(id, { code: RpcCode.methodNotFound, message: `Method not found: ${method}` });
  }

  onNotification(notification: JsonRpcNotification): void {
    switch (notification.method) {
      case "notifications/progress":
        deliverProgress(this.#peer, notification);
        return;
      case "notifications/message":
        this.#deliverLog(notification);
        return;
      case "notifications/subscriptions/acknowledged":
        this.#subscriptions.acknowledge(notification);
        return;
      case "notifications/cancelled":
        // The specification names both this and a result as the end of a listen.
        this.#subscriptions.ended(notification.params?.requestId);
        return;
      default:
        this.#deliverSubscribed(notification);
    }
  }

  onLost(loss: ConnectionLoss): void {
    this.#subscriptions.stop();
    this.#request.events.onLost(loss);
  }

  #meta(): JsonObject {
    return modernMeta(this.#request.client, this.#context.gatewayInfo);
  }

  #deliverLog(notification: JsonRpcNotification): void {
    const pending = onlyCall(this.#peer);
    if (pending?.call === undefined || this.#server.sharing === "shared") {
      this.#request.events.onNotification(notification);
    } else if (wantsLog(pending.call, notification)) pending.call.notify(notification);
  }

  #deliverSubscribed(notification: JsonRpcNotification): void {
    const meta = notification.params?._meta;
    const subscription = isObject(meta) ? meta[Meta.subscriptionId] : undefined;
    if (subscription === undefined || !isObject(meta)) {
      this.#request.events.onNotification(notification);
      return;
    }
    if (!this.#subscriptions.owns(subscription)) {
      this.#peer.ignore();
      return;
    }
    // The subscription's id is of this hop alone.
    const { [Meta.subscriptionId]: _, ...rest } = meta;
    this.#request.events.onNotification({ ...notification, params: { ...notification.params, _meta: rest } });
  }
}

/** Reads a result of `server/discover`; undefined where it is not one. */
export function readDiscover(result: JsonObject): (Discovered & { readonly versions: string[] }) | undefined {
  const { supportedVersions, capabilities, instructions, _meta: meta } = result;
  if (!Array.isArray(supportedVersions) || !isObject(capabilities)) return undefined;
  const info = isObject(meta) ? meta[Meta.serverInfo] : undefined;
  return {
    versions: supportedVersions.filter((version) => typeof version === "string"),
    capabilities,
    instructions: typeof instructions === "string" ? instructions : undefined,
    serverInfo: isObject(info) ? info : undefined,
  };
}
