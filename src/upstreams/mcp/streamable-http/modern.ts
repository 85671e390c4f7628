import type { Outcome, UpstreamCall } from "../../../model/call.ts";
import type { HttpResponse } from "../../../net/http-exchange.ts";
import { isObject, type JsonObject, type JsonValue } from "../../../protocol/json-value.ts";
import { RpcCode } from "../../../protocol/jsonrpc.ts";
import { Meta } from "../../../protocol/meta.ts";
import { MODERN_REVISION } from "../../../protocol/revision.ts";
import { isRelayable, lacking } from "../capabilities.ts";
import type { Connection, ConnectionEvents, ConnectionRequest } from "../connection.ts";
import type { UpstreamCounters } from "../counters.ts";
import { httpFailure, UpstreamFailure } from "../failure.ts";
import {
  errorMessage,
  type IncomingMessage,
  notificationOf,
  outcomeOf,
  passesLevel,
  readMessage,
  requestText,
  withoutToken,
} from "../message.ts";
import { systemCall } from "../system-call.ts";
import { readStream } from "./answer-stream.ts";
import type { Discovery } from "./discovery.ts";
import { type HttpEndpoint, isEventStream, isJson } from "./endpoint.ts";
import { Listener } from "./listen.ts";
import { HeaderBlocks, hopMeta, modernHeaders, RepeatedObject, silenceMs } from "./modern-request.ts";

/**
 * A 2026-07-28 server over streamable HTTP: stateless, one POST per request, its answer a JSON body or a stream
 * (basic/transports/streamable-http). The path of every benchmarked call: headers are constant but for the mirrored ones,
 * and nothing is allocated per call that the request does not need.
 */
export class ModernConnection implements Connection {
  readonly era = "modern";
  readonly revision = MODERN_REVISION;
  readonly serverInfo: JsonObject | undefined;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
  readonly #endpoint: HttpEndpoint;
  readonly #events: ConnectionEvents;
  readonly #counters: UpstreamCounters;
  readonly #info: JsonObject;
  readonly #infoText: string;
  readonly #headerBlocks: HeaderBlocks;
  readonly #clientInfo = new RepeatedObject();
  readonly #listener: Listener;
  #lastId = 0;
  #lost = false;

  constructor(
    endpoint: HttpEndpoint,
    request: ConnectionRequest,
    discovery: Discovery,
    counters: UpstreamCounters,
    random: () => number,
  ) {
    this.#endpoint = endpoint;
    this.#events = request.events;
    this.#counters = counters;
    this.#info = request.client.info ?? {};
    this.#infoText = JSON.stringify(this.#info);
    const headers = modernHeaders(endpoint);
    this.#headerBlocks = new HeaderBlocks(headers);
    this.capabilities = discovery.capabilities;
    this.instructions = discovery.instructions;
    this.serverInfo = discovery.serverInfo;
    this.#listener = new Listener({
      endpoint,
      capabilities: this.capabilities,
      headers,
      meta: hopMeta({}, this.#infoText),
      nextId: () => ++this.#lastId,
      onNotification: (notification) => this.#events.onNotification(notification),
      counters,
      random,
    });
  }

  async request(call: UpstreamCall): Promise<Outcome> {
    const id = ++this.#lastId;
    const endpoint = this.#endpoint;
    let response: HttpResponse;
    let contentType: string | undefined;
    let text: string;
    try {
      response = await endpoint.post(
        this.#headerBlocks.of(call),
        requestText(id, call, this.#meta(call, id)),
        call.cancellation,
        silenceMs(call),
      );
      contentType = response.header("content-type");
      if (response.status === 200 && isEventStream(contentType)) {
        return await this.#streamed(call, id, response);
      }
      const body = response.text();
      text = typeof body === "string" ? body : await body;
    } catch (thrown) {
      throw httpFailure(thrown, endpoint.server, call, endpoint.limits.resultBytesMax);
    }
    if (response.status !== 200) return this.#refused(call, id, response, text);
    if (!isJson(contentType)) throw this.#invalid();
    return this.#settle(call, id, readMessage(text, endpoint.server, call.method), text.length);
  }

  /** A modern server takes no notifications of this kind over HTTP: capabilities and roots travel with each request. */
  notify(): void {}

  subscribe(uri: string): Promise<void> {
    return this.#listener.add(uri);
  }
  unsubscribe(uri: string): Promise<void> {
    return this.#listener.remove(uri);
  }

  async ping(timeoutMs: number): Promise<void> {
    const call = systemCall("server/discover", {}, this.#info, timeoutMs);
    const timer = setTimeout(() => call.cancellation.cancel("deadline"), timeoutMs);
    try {
      await this.request(call);
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    this.#listener.close();
  }

  /** `_meta` members of a request: the hop's own, from what the call's client declared. */
  #meta(call: UpstreamCall, id: number): string {
    const { capabilities, info, logLevel } = call.client;
    let meta = hopMeta(capabilities, info === undefined ? this.#infoText : this.#clientInfo.textOf(info));
    if (logLevel !== undefined) meta += `,"${Meta.logLevel}":${JSON.stringify(logLevel)}`;
    if (call.wantsProgress) meta += `,"progressToken":${id}`;
    return meta;
  }

  async #streamed(call: UpstreamCall, id: number, response: HttpResponse): Promise<Outcome> {
    const { server, limits } = this.#endpoint;
    let answer: IncomingMessage | undefined;
    let answerBytes = 0;
    const end = await readStream(response, server, call.method, limits.resultBytesMax, (message, bytes) => {
      const { value } = message;
      if (value.id === id && value.method === undefined) {
        answer = message;
        answerBytes = bytes;
        return true;
      }
      this.#notification(call, id, value);
      return false;
    });
    if (answer !== undefined) return this.#settle(call, id, answer, answerBytes);
    if (end.thrown === undefined) throw new UpstreamFailure("upstream_lost", { server });
    throw end.thrown;
  }

  #notification(call: UpstreamCall, id: number, value: JsonObject): void {
    const params = isObject(value.params) ? value.params : undefined;
    if (value.id === undefined && value.method === "notifications/progress") {
      if (call.wantsProgress && params?.progressToken === id) return call.notify(withoutToken(params));
    } else if (value.id === undefined && value.method === "notifications/message") {
      const level = call.client.logLevel;
      if (level !== undefined) {
        if (passesLevel(params, level)) call.notify(notificationOf(value));
        return;
      }
    }
    this.#counters.droppedMessages++;
  }

  #settle(call: UpstreamCall, id: number, message: IncomingMessage, bytes: number): Outcome {
    const outcome = outcomeOf(message, bytes);
    const answered = message.value.id;
    if (outcome === undefined || outcome.kind === "list") throw this.#invalid();
    if (answered !== id && !(outcome.kind === "error" && (answered === null || answered === undefined))) {
      throw this.#invalid();
    }
    return outcome.kind === "error" ? this.#error(call, outcome) : outcome;
  }

  /** Errors about this hop are translated: the client can neither mend our headers nor know what we relay. */
  #error(call: UpstreamCall, outcome: Extract<Outcome, { kind: "error" }>): Outcome {
    const { server } = this.#endpoint;
    const { code, data } = outcome.error;
    if (code === RpcCode.missingClientCapability) throw missingCapability(call, data);
    if (code === RpcCode.headerMismatch) {
      // Most likely the tool's annotations changed: the lists are read again before the next call.
      this.#events.onNotification({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
      throw new UpstreamFailure(
        "upstream_protocol_error",
        { server },
        { cause: outcome.error, harmless: true },
      );
    }
    if (code === RpcCode.unsupportedProtocolVersion) throw this.#eraChanged(outcome.error);
    return outcome;
  }

  #refused(call: UpstreamCall, id: number, response: HttpResponse, text: string): Outcome {
    const { server } = this.#endpoint;
    const { status } = response;
    const relayable = status >= 400 && status !== 401 && status !== 403 && status !== 429;
    if (relayable && isJson(response.header("content-type"))) {
      const message = errorMessage(text, server, call.method);
      // Without an id it was refused before anybody read it: a legacy server that misses its session.
      const unread = message?.value.id === null && !isModernCode(message.value.error);
      if (message !== undefined && !unread) return this.#settle(call, id, message, text.length);
    }
    if (status === 400 || status === 404 || status === 405) throw this.#eraChanged(`HTTP ${status}`);
    if (status < 400) throw this.#invalid();
    throw new UpstreamFailure("upstream_refused", { server, status }, { harmless: status < 500, status });
  }

  /** The endpoint does not speak this revision any more: the next connection finds out what it speaks. */
  #eraChanged(cause: unknown): UpstreamFailure {
    if (!this.#lost) {
      this.#lost = true;
      this.#events.onLost({ reason: "the server does not answer as a 2026-07-28 server", orderly: false });
    }
    return new UpstreamFailure(
      "upstream_protocol_error",
      { server: this.#endpoint.server },
      { cause, notRun: true, harmless: true, sessionEnded: true },
    );
  }

  #invalid(): UpstreamFailure {
    return new UpstreamFailure("upstream_protocol_error", { server: this.#endpoint.server });
  }

  /** Opens the notification stream, where the server has anything to notify of. */
  listen(): void {
    this.#listener.open();
  }
}

function isModernCode(error: JsonValue | undefined): boolean {
  const code = isObject(error) ? error.code : undefined;
  return (
    typeof code === "number" && code <= RpcCode.headerMismatch && code >= RpcCode.unsupportedProtocolVersion
  );
}

/**
 * `-32021` speaks of the gateway's hop. Where the client itself could cure it, it is told so in the gateway's own name;
 * otherwise it learns that the server wants what cannot be had here.
 */
function missingCapability(call: UpstreamCall, data: unknown): UpstreamFailure {
  const required = isObject(data as JsonObject) ? (data as JsonObject).requiredCapabilities : undefined;
  const missing = lacking(isObject(required) ? required : {}, call.client.capabilities);
  const curable = Object.keys(missing).filter(isRelayable);
  if (curable.length === 0) {
    const capability = Object.keys(isObject(required) ? required : {}).join(", ") || "more";
    return new UpstreamFailure("client_cannot_answer", { capability }, { harmless: true });
  }
  const requiredCapabilities = Object.fromEntries(curable.map((key) => [key, missing[key]]));
  return new UpstreamFailure(
    "missing_client_capability",
    {},
    { harmless: true, data: { requiredCapabilities } },
  );
}
