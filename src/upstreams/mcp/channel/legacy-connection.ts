import { GatewayError } from "../../../errors/gateway-error.ts";
import type { Outcome, UpstreamCall } from "../../../model/call.ts";
import type { ServerDefinition } from "../../../model/server.ts";
import type { JsonObject } from "../../../protocol/json-value.ts";
import type { JsonRpcNotification } from "../../../protocol/jsonrpc.ts";
import { LOG_LEVELS, type LogLevel } from "../../../protocol/meta.ts";
import type { Connection, ConnectionLoss, ConnectionRequest } from "../connection.ts";
import { deliverProgress, onlyCall, wantsLog } from "./attribution.ts";
import type { Peer, PeerHandlers } from "./peer.ts";
import type { Answer } from "./pending-request.ts";
import { Questions } from "./questions.ts";
import { legacyMetaText } from "./request-meta.ts";
import type { ChannelContext } from "./settings.ts";

/** What `initialize` settled. */
export interface Initialized {
  readonly revision: string;
  readonly capabilities: JsonObject;
  readonly serverInfo: JsonObject | undefined;
  readonly instructions: string | undefined;
}

/** A session of revision 2024-11-05 … 2025-11-25 over one channel. */
export class LegacyConnection implements Connection, PeerHandlers {
  readonly era = "legacy";
  readonly revision: string;
  readonly serverInfo: JsonObject | undefined;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
  readonly #server: ServerDefinition;
  readonly #peer: Peer;
  readonly #request: ConnectionRequest;
  readonly #context: ChannelContext;
  readonly #questions: Questions;
  /** Index into LOG_LEVELS of what the server was told last; nothing yet. */
  #levelSet: number = LOG_LEVELS.length;
  #settingLevel: Promise<void> | undefined;

  constructor(
    server: ServerDefinition,
    peer: Peer,
    request: ConnectionRequest,
    context: ChannelContext,
    initialized: Initialized,
  ) {
    this.#server = server;
    this.#peer = peer;
    this.#request = request;
    this.#context = context;
    this.revision = initialized.revision;
    this.capabilities = initialized.capabilities;
    this.serverInfo = initialized.serverInfo;
    this.instructions = initialized.instructions;
    this.#questions = new Questions(peer, request, context.settings.questionsMax);
    peer.handle(this);
  }

  request(call: UpstreamCall): Promise<Outcome> {
    const level = this.#missingLevel(call.client.logLevel);
    if (level === undefined && this.#settingLevel === undefined) return this.#send(call);
    return this.#raiseLevel(level).then(() => this.#send(call));
  }

  notify(notification: JsonRpcNotification): void {
    this.#peer.notifyLater(notification.method, notification.params);
  }

  subscribe(uri: string): Promise<void> {
    return this.#control("resources/subscribe", { uri });
  }
  unsubscribe(uri: string): Promise<void> {
    return this.#control("resources/unsubscribe", { uri });
  }

  async ping(timeoutMs: number): Promise<void> {
    // Any answer proves life, an error too.
    await this.#peer.request(this.#peer.takeId(), "ping", undefined, timeoutMs);
  }

  close(): Promise<void> {
    return this.#peer.close();
  }

  onRequest(id: NonNullable<JsonObject[string]>, method: string, params: JsonObject): void {
    this.#questions.onRequest(id, method, params);
  }

  onNotification(notification: JsonRpcNotification): void {
    switch (notification.method) {
      case "notifications/progress":
        deliverProgress(this.#peer, notification);
        return;
      case "notifications/message":
        this.#deliverLog(notification);
        return;
      case "notifications/cancelled":
        this.#questions.withdraw(notification.params?.requestId);
        return;
      default:
        this.#request.events.onNotification(notification);
    }
  }

  onLost(loss: ConnectionLoss): void {
    this.#request.events.onLost(loss);
  }

  #send(call: UpstreamCall): Promise<Answer> {
    const id = this.#peer.takeId();
    return this.#peer.call(id, legacyMetaText(call, id), call);
  }

  #deliverLog(notification: JsonRpcNotification): void {
    // A session that principals share never guesses whose message it is.
    const pending = this.#server.sharing === "shared" ? undefined : onlyCall(this.#peer);
    if (pending?.call === undefined) {
      this.#request.events.onNotification(notification);
    } else if (wantsLog(pending.call, notification)) pending.call.notify(notification);
  }

  #missingLevel(wanted: LogLevel | undefined): LogLevel | undefined {
    if (wanted === undefined || this.capabilities.logging === undefined) return undefined;
    return LOG_LEVELS.indexOf(wanted) < this.#levelSet ? wanted : undefined;
  }

  /** Calls wait for it: a message the server logs before it knows the level would be lost. */
  #raiseLevel(level: LogLevel | undefined): Promise<void> {
    if (level === undefined) return this.#settingLevel ?? Promise.resolve();
    this.#levelSet = LOG_LEVELS.indexOf(level);
    const setting = this.#control("logging/setLevel", { level })
      // A server that cannot set its level still answers calls.
      .catch((thrown) =>
        this.#context.log.debug(
          { server: this.#server.name, error: String(thrown) },
          "logging/setLevel failed",
        ),
      )
      .finally(() => {
        if (this.#settingLevel === setting) this.#settingLevel = undefined;
      });
    this.#settingLevel = setting;
    return setting;
  }

  async #control(method: string, params: JsonObject): Promise<void> {
    const { controlTimeoutMs } = this.#context.settings;
    const answer = await this.#peer.request(this.#peer.takeId(), method, params, controlTimeoutMs);
    if (answer.kind === "error") {
      throw new GatewayError(
        "invalid_params",
        { detail: `the server refused ${method}` },
        { cause: new Error(`${answer.error.code} ${answer.error.message}`) },
      );
    }
  }
}
