import { GatewayError } from "../../../errors/gateway-error.ts";
import type { UpstreamCall } from "../../../model/call.ts";
import type { CancelReason } from "../../../model/cancellation.ts";
import { SequenceMap } from "../../../model/sequence-map.ts";
import { stringify } from "../../../protocol/json.ts";
import type { JsonObject, JsonValue } from "../../../protocol/json-value.ts";
import type { JsonRpcErrorBody, JsonRpcNotification } from "../../../protocol/jsonrpc.ts";
import type { ConnectionLoss } from "../connection.ts";
import type { UpstreamCounters } from "../counters.ts";
import { type IncomingMessage, readMessages, requestText } from "../message.ts";
import type { Channel, ChannelReceiver } from "./channel.ts";
import { classify, type Message } from "./message.ts";
import { type Answer, PendingRequest } from "./pending-request.ts";
import type { ChannelContext } from "./settings.ts";

/** What the server sends of its own accord. */
export interface PeerHandlers {
  onRequest(id: JsonValue, method: string, params: JsonObject): void;
  onNotification(notification: JsonRpcNotification): void;
  onLost(loss: ConnectionLoss): void;
}

/**
 * JSON-RPC over one channel: many requests under way at once, each with an id of this hop, a deadline and a way to be
 * cancelled. Knows no MCP method but `notifications/cancelled`.
 */
export class Peer implements ChannelReceiver {
  readonly #counters: UpstreamCounters | undefined;
  readonly #server: string;
  readonly #channel: Channel;
  readonly #context: ChannelContext;
  readonly #pending = new SequenceMap<PendingRequest>();
  #handlers: PeerHandlers | undefined;
  #nextId = 1;
  #malformedInRow = 0;
  #anyGood = false;
  #loss: ConnectionLoss | undefined;

  constructor(server: string, channel: Channel, context: ChannelContext, counters?: UpstreamCounters) {
    this.#counters = counters;
    this.#server = server;
    this.#channel = channel;
    this.#context = context;
    channel.open(this);
  }

  /** Takes over what arrives outside of answers; until then requests of the server are refused, notifications dropped. */
  handle(handlers: PeerHandlers): void {
    this.#handlers = handlers;
    if (this.#loss !== undefined) handlers.onLost(this.#loss);
  }

  get loss(): ConnectionLoss | undefined {
    return this.#loss;
  }
  get channel(): Channel {
    return this.#channel;
  }
  /** Requests under way, oldest first. */
  pending(): readonly PendingRequest[] {
    return this.#pending.values();
  }
  find(id: JsonValue | undefined): PendingRequest | undefined {
    return typeof id === "number" ? this.#pending.get(id) : undefined;
  }
  /** Integers, never used twice on this channel. */
  takeId(): number {
    return this.#nextId++;
  }

  /** Sends a call. @param meta `_meta` members as text @throws GatewayError as `Upstream.call` */
  call(id: number, meta: string, call: UpstreamCall): Promise<Answer> {
    const { cancellation } = call;
    if (cancellation.reason !== undefined) return Promise.reject(this.#cancelled(cancellation.reason, 0));
    if (this.#loss !== undefined) return Promise.reject(this.#lost(this.#loss.reason));
    const pending = this.#enter(id, call.method, { call, deadline: call.deadline });
    this.#dispatch(pending, requestText(id, call, meta));
    pending.release = cancellation.onCancel((reason) =>
      this.#abandon(pending, this.#cancelled(reason, pending.seconds)),
    );
    return pending.answer;
  }

  /** Sends a request of the connection itself. @throws GatewayError as `Upstream.call` */
  request(id: number, method: string, params: JsonObject | undefined, timeoutMs: number): Promise<Answer> {
    if (this.#loss !== undefined) return Promise.reject(this.#lost(this.#loss.reason));
    const pending = this.#enter(id, method, { deadline: Date.now() + timeoutMs });
    this.#dispatch(pending, JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return pending.answer;
  }

  notify(method: string, params?: JsonObject): void | Promise<void> {
    return this.#channel.send(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }
  /** As `notify`, where nobody waits for it. */
  notifyLater(method: string, params?: JsonObject): void {
    this.#later(() => this.notify(method, params));
  }
  reply(id: JsonValue, result: JsonValue): void {
    this.#later(() => this.#channel.send(stringify({ jsonrpc: "2.0", id, result }, true)));
  }
  refuse(id: JsonValue, error: JsonRpcErrorBody): void {
    this.#later(() => this.#channel.send(stringify({ jsonrpc: "2.0", id, error: { ...error } }, true)));
  }

  /** Gives a request up: the server is told, a late answer dropped. */
  forget(id: number, reason: string): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined) this.#abandon(pending, this.#lost(reason));
  }

  /** As `forget`, without telling the server. */
  drop(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#leave(pending);
    pending.reject(this.#lost("not waited for any more"));
  }

  /** The time of a question to the client does not count against the call that caused it. */
  async whileAsking<T>(pending: PendingRequest | undefined, question: () => Promise<T>): Promise<T> {
    pending?.pause(Date.now());
    try {
      return await question();
    } finally {
      pending?.resume(Date.now());
      if (pending !== undefined) this.#context.wheel.move(pending);
    }
  }

  async close(): Promise<void> {
    this.#loss ??= { reason: "closed by the gateway", orderly: true };
    this.#rejectAll(this.#loss.reason);
    await this.#channel.close();
  }

  onMessage(text: string): void {
    if (this.#loss !== undefined) return;
    let messages: readonly IncomingMessage[];
    try {
      messages = this.#read(text);
    } catch (thrown) {
      const cause = GatewayError.from(thrown).cause ?? thrown;
      this.#malformed(idOfBroken(text), cause instanceof Error ? cause.message : String(cause));
      return;
    }
    for (const { value, exact } of messages) {
      const message = classify(value);
      if (message.kind === "malformed") this.#malformed(message.id, message.detail);
      else {
        this.#malformedInRow = 0;
        this.#anyGood = true;
        this.#deliver(message, exact, text.length);
      }
    }
  }

  onClosed(loss: ConnectionLoss): void {
    if (this.#loss !== undefined) return;
    this.#loss = loss;
    this.#rejectAll(loss.reason);
    this.#handlers?.onLost(loss);
  }

  /** Counts a message that reaches nobody. */
  ignore(): void {
    if (this.#counters !== undefined) this.#counters.droppedMessages++;
  }

  #read(text: string): readonly IncomingMessage[] {
    try {
      return readMessages(text, this.#server, "");
    } catch (thrown) {
      // Lists are read looser, so that one bad definition does not cost the page; only the request tells that it is one.
      const method = this.find(idOfBroken(text))?.method;
      if (method?.endsWith("/list")) return readMessages(text, this.#server, method);
      throw thrown;
    }
  }

  #deliver(message: Exclude<Message, { kind: "malformed" }>, exact: boolean, bytes: number): void {
    switch (message.kind) {
      case "result":
      case "error": {
        const pending = this.find(message.id);
        if (pending === undefined) {
          // Late answers to what was cancelled are normal and land here.
          this.ignore();
          return;
        }
        this.#leave(pending);
        pending.resolve(
          message.kind === "result"
            ? { kind: "result", result: message.result, exact, bytes }
            : { kind: "error", error: message.error, exact },
        );
        return;
      }
      case "request":
        if (message.method === "ping") this.reply(message.id, {});
        else if (this.#handlers) this.#handlers.onRequest(message.id, message.method, message.params);
        else this.refuse(message.id, { code: -32601, message: `Method not found: ${message.method}` });
        return;
      case "notification":
        this.#handlers?.onNotification(message.notification);
    }
  }

  #malformed(id: JsonValue | undefined, detail: string): void {
    this.ignore();
    this.#malformedInRow++;
    this.#context.log.debug({ server: this.#server, detail }, "malformed message from the server");
    const pending = this.find(id);
    if (pending !== undefined) {
      this.#leave(pending);
      pending.reject(
        new GatewayError("upstream_protocol_error", { server: this.#server }, { cause: new Error(detail) }),
      );
    }
    const { malformedMax, malformedMaxAtStart } = this.#context.settings;
    if (this.#malformedInRow < (this.#anyGood ? malformedMax : malformedMaxAtStart)) return;
    this.onClosed({ reason: `garbage: ${this.#malformedInRow} malformed messages in a row`, orderly: false });
    void this.#channel.close();
  }

  #enter(id: number, method: string, about: { call?: UpstreamCall; deadline: number }): PendingRequest {
    const pending = new PendingRequest(id, method, { ...about, now: Date.now() }, (due) => {
      this.#abandon(
        due,
        new GatewayError("upstream_timeout", { server: this.#server, seconds: due.seconds }),
      );
    });
    this.#pending.set(id, pending);
    this.#context.wheel.add(pending);
    return pending;
  }

  #leave(pending: PendingRequest): void {
    this.#pending.delete(pending.id);
    this.#context.wheel.remove(pending);
  }

  #dispatch(pending: PendingRequest, text: string): void {
    const fail = (thrown: unknown) => {
      if (this.#pending.get(pending.id) !== pending) return;
      this.#leave(pending);
      pending.reject(GatewayError.from(thrown));
    };
    try {
      const sent = this.#channel.send(text);
      if (sent !== undefined) sent.catch(fail);
    } catch (thrown) {
      fail(thrown);
    }
  }

  #abandon(pending: PendingRequest, error: GatewayError): void {
    if (this.#pending.get(pending.id) !== pending) return;
    this.#leave(pending);
    pending.reject(error);
    // `initialize` must not be cancelled (2025-11-25, basic/utilities/cancellation).
    if (pending.method !== "initialize") {
      this.notifyLater("notifications/cancelled", { requestId: pending.id, reason: error.code });
    }
  }

  #rejectAll(reason: string): void {
    for (const pending of this.#pending.values()) {
      this.#leave(pending);
      pending.reject(this.#lost(reason));
    }
  }

  #lost(reason: string): GatewayError {
    return new GatewayError("upstream_lost", { server: this.#server }, { cause: new Error(reason) });
  }

  #cancelled(reason: CancelReason, seconds: number): GatewayError {
    if (reason === "deadline") return new GatewayError("upstream_timeout", { server: this.#server, seconds });
    if (reason === "shutdown") return new GatewayError("call_interrupted");
    if (reason === "upstream_lost") return this.#lost("given up by the gateway");
    return new GatewayError("call_cancelled");
  }

  #later(send: () => void | Promise<void>): void {
    const swallow = (thrown: unknown) =>
      this.#context.log.debug({ server: this.#server, error: String(thrown) }, "message not sent");
    try {
      const sent = send();
      if (sent !== undefined) sent.catch(swallow);
    } catch (thrown) {
      swallow(thrown);
    }
  }
}

/** The id a message that cannot be parsed seems to answer, so that its call need not wait for its deadline. */
function idOfBroken(text: string): number | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  const match = /"id"\s*:\s*(\d{1,15})\s*[,}]/.exec(`${text.slice(0, 256)}\n${text.slice(-256)}`);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
