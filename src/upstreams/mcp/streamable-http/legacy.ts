import { GatewayError } from "../../../errors/gateway-error.ts";
import type { Outcome, UpstreamCall } from "../../../model/call.ts";
import { Cancellation } from "../../../model/cancellation.ts";
import { SequenceMap } from "../../../model/sequence-map.ts";
import { stringify } from "../../../protocol/json.ts";
import { isObject, type JsonObject, type JsonValue } from "../../../protocol/json-value.ts";
import { type JsonRpcNotification, RpcCode } from "../../../protocol/jsonrpc.ts";
import { LOG_LEVELS, type LogLevel } from "../../../protocol/meta.ts";
import { isLegacyRevision, LATEST_LEGACY_REVISION } from "../../../protocol/revision.ts";
import type { Connection, ConnectionEvents, ConnectionRequest } from "../connection.ts";
import type { UpstreamCounters } from "../counters.ts";
import { cancelled, UpstreamFailure } from "../failure.ts";
import { type IncomingMessage, notificationOf } from "../message.ts";
import { systemCall } from "../system-call.ts";
import type { HttpEndpoint } from "./endpoint.ts";
import { type Asker, LegacyExchange, type SessionLink } from "./legacy-exchange.ts";
import { StandaloneStream } from "./standalone-stream.ts";

/** Notifications, answers and the end of a session are given this long. */
const TELL_TIMEOUT_MS = 3000;
/** Questions open at once for one call, or for the session outside its calls; one more is refused to the server. */
const QUESTIONS_MAX = 64;
const SESSION_ID = /^[\x21-\x7e]{1,4096}$/;

/** A session with a 2025-03-26 … 2025-11-25 server over streamable HTTP. */
export class LegacySession implements Connection, SessionLink, Asker {
  readonly era = "legacy";
  readonly endpoint: HttpEndpoint;
  revision: string = LATEST_LEGACY_REVISION;
  capabilities: JsonObject = {};
  serverInfo: JsonObject | undefined;
  instructions: string | undefined;
  postHeaders: string;
  streamHeaders: string;
  hasId = false;
  readonly #info: JsonObject;
  readonly #events: ConnectionEvents;
  readonly #counters: UpstreamCounters;
  readonly #random: () => number;
  readonly #pending = new SequenceMap<LegacyExchange>();
  readonly #telling = new Set<Promise<unknown>>();
  #stream: StandaloneStream | undefined;
  #lastId = 0;
  openQuestions = 0;
  #ended = false;
  #level: number = LOG_LEVELS.length;
  #settingLevel: Promise<unknown> | undefined;

  private constructor(
    endpoint: HttpEndpoint,
    request: ConnectionRequest,
    counters: UpstreamCounters,
    random: () => number,
  ) {
    this.endpoint = endpoint;
    this.postHeaders = endpoint.postHeaders;
    this.streamHeaders = endpoint.streamHeaders;
    this.#info = request.client.info ?? {};
    this.#events = request.events;
    this.#counters = counters;
    this.#random = random;
  }

  /**
   * `initialize` and `notifications/initialized`.
   * @throws UpstreamFailure with `status` where the server answered with an HTTP error
   */
  static async open(
    endpoint: HttpEndpoint,
    request: ConnectionRequest,
    counters: UpstreamCounters,
    random: () => number,
    timeoutMs: number,
  ): Promise<LegacySession> {
    const session = new LegacySession(endpoint, request, counters, random);
    const call = systemCall(
      "initialize",
      {
        protocolVersion: LATEST_LEGACY_REVISION,
        capabilities: request.client.capabilities,
        clientInfo: session.#info,
      },
      session.#info,
      timeoutMs,
    );
    const timer = setTimeout(() => call.cancellation.cancel("deadline"), timeoutMs);
    try {
      await session.#initialize(call);
    } finally {
      clearTimeout(timer);
    }
    return session;
  }

  async #initialize(call: UpstreamCall): Promise<void> {
    const { server } = this.endpoint;
    const exchange = new LegacyExchange(call, ++this.#lastId, this);
    const outcome = await exchange.run();
    if (outcome.kind !== "result") {
      throw new UpstreamFailure(
        "upstream_protocol_error",
        { server },
        { cause: outcome, status: exchange.status },
      );
    }
    const { protocolVersion, capabilities, serverInfo, instructions } = outcome.result;
    if (typeof protocolVersion !== "string" || !isLegacyRevision(protocolVersion)) {
      throw new UpstreamFailure("upstream_protocol_error", { server }, { cause: outcome.result });
    }
    this.revision = protocolVersion;
    this.capabilities = isObject(capabilities) ? capabilities : {};
    this.serverInfo = isObject(serverInfo) ? serverInfo : undefined;
    this.instructions = typeof instructions === "string" ? instructions : undefined;
    let headers = `mcp-protocol-version: ${protocolVersion}\r\n`;
    const { sessionId } = exchange;
    if (sessionId !== undefined) {
      if (!SESSION_ID.test(sessionId)) throw new UpstreamFailure("upstream_protocol_error", { server });
      this.hasId = true;
      headers += `mcp-session-id: ${sessionId}\r\n`;
    }
    this.postHeaders = this.endpoint.postHeaders + headers;
    this.streamHeaders = this.endpoint.streamHeaders + headers;
    await this.#post({ jsonrpc: "2.0", method: "notifications/initialized" }, false);
    this.#stream = new StandaloneStream({
      endpoint: this.endpoint,
      headers: this.streamHeaders,
      onMessage: (message, bytes) => this.other(message, bytes),
      onExpired: () => this.expired(),
      counters: this.#counters,
      random: this.#random,
    });
    this.#stream.open();
  }

  async request(call: UpstreamCall): Promise<Outcome> {
    if (this.#ended) throw this.#gone();
    const level = this.#missingLevel(call.client.logLevel);
    if (level !== undefined) this.#settingLevel = this.#setLevel(level);
    if (this.#settingLevel !== undefined) await this.#settingLevel;
    if (call.cancellation.cancelled) throw cancelled(call, this.endpoint.server);
    const exchange = new LegacyExchange(call, ++this.#lastId, this);
    this.#pending.set(exchange.id, exchange);
    try {
      return await exchange.run();
    } finally {
      this.#pending.delete(exchange.id);
    }
  }

  notify(notification: JsonRpcNotification): void {
    this.tell(notification.method, notification.params);
  }

  subscribe(uri: string): Promise<void> {
    return this.#control("resources/subscribe", { uri });
  }
  unsubscribe(uri: string): Promise<void> {
    return this.#control("resources/unsubscribe", { uri });
  }

  /** Any answer proves life, an error too. */
  async ping(timeoutMs: number): Promise<void> {
    await this.#own("ping", {}, timeoutMs);
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#stream?.close();
    await Promise.allSettled([...this.#telling]);
    if (!this.hasId) return;
    const cancellation = new Cancellation();
    const timer = setTimeout(() => cancellation.cancel("deadline"), TELL_TIMEOUT_MS);
    try {
      const response = await this.endpoint.delete(this.streamHeaders, cancellation, TELL_TIMEOUT_MS);
      await response.text();
    } catch {
      // A server need not offer the end of a session, and one that is gone has ended it.
    } finally {
      clearTimeout(timer);
    }
  }

  expired(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stream?.close();
    this.#counters.sessionsExpired++;
    this.#events.onLost({ reason: "the server does not know the session any more", orderly: true });
  }
  dropped(): void {
    this.#counters.droppedMessages++;
  }
  resumed(): void {
    this.#counters.resumedStreams++;
  }

  other(message: IncomingMessage, bytes: number): void {
    const { value } = message;
    const params = isObject(value.params) ? value.params : undefined;
    if (value.method === undefined) {
      const exchange = typeof value.id === "number" ? this.#pending.get(value.id) : undefined;
      if (exchange) exchange.settle(message, bytes);
      else this.dropped();
    } else if (value.id !== undefined) {
      this.answer(value, (requests) => this.#events.onQuestion(requests), this);
    } else if (value.method === "notifications/progress") {
      const exchange = this.#pending.get(params?.progressToken as number);
      if (exchange && params) exchange.progress(params);
      else this.dropped();
    } else if (value.method === "notifications/cancelled") {
      // It names a request by this hop's id, which means nothing, or something else, to a client.
      this.dropped();
    } else if (typeof value.method === "string") {
      this.#events.onNotification(notificationOf(value));
    }
  }

  answer(question: JsonObject, ask: UpstreamCall["ask"], asker: Asker): void {
    asker.openQuestions++;
    void this.#reply(question, ask, asker).finally(() => asker.openQuestions--);
  }

  async #reply(question: JsonObject, ask: UpstreamCall["ask"], asker: Asker): Promise<void> {
    const { id, method } = question;
    const reply: JsonObject = { jsonrpc: "2.0", id };
    try {
      if (asker.openQuestions > QUESTIONS_MAX)
        throw new GatewayError("client_cannot_answer", { capability: "more questions" });
      reply.result = await answerTo(method, question.params, ask);
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      this.#counters.refusedQuestions++;
      reply.error = {
        code: error.code === "client_cannot_answer" ? RpcCode.methodNotFound : error.rpcCode,
        message: error.message,
      };
    }
    // An answer may hold numbers of the source-text path; that serialiser takes any value.
    this.#track(this.#post(reply, true));
  }

  tell(method: string, params?: JsonObject): void {
    this.#track(
      this.#post(
        params === undefined ? { jsonrpc: "2.0", method } : { jsonrpc: "2.0", method, params },
        false,
      ),
    );
  }

  #track(post: Promise<unknown>): void {
    const settled = post.catch(() => {}).finally(() => this.#telling.delete(settled));
    this.#telling.add(settled);
  }

  async #post(message: JsonObject, exact: boolean): Promise<void> {
    const cancellation = new Cancellation();
    const timer = setTimeout(() => cancellation.cancel("deadline"), TELL_TIMEOUT_MS);
    try {
      const text = stringify(message, exact);
      const response = await this.endpoint.post(this.postHeaders, text, cancellation, TELL_TIMEOUT_MS);
      if (isStreaming(response.header("content-type"))) response.abort();
      else await response.text();
    } finally {
      clearTimeout(timer);
    }
  }

  #missingLevel(wanted: LogLevel | undefined): LogLevel | undefined {
    if (wanted === undefined || this.capabilities.logging === undefined) return undefined;
    return LOG_LEVELS.indexOf(wanted) < this.#level ? wanted : undefined;
  }

  /** The session's level is that of its most curious caller; each call filters for its own. */
  #setLevel(level: LogLevel): Promise<unknown> {
    this.#level = LOG_LEVELS.indexOf(level);
    const setting: Promise<unknown> = this.#own("logging/setLevel", { level }, TELL_TIMEOUT_MS)
      .catch(() => {})
      .finally(() => {
        if (this.#settingLevel === setting) this.#settingLevel = undefined;
      });
    return setting;
  }

  async #control(method: string, params: JsonObject): Promise<void> {
    const outcome = await this.#own(method, params, this.endpoint.limits.connectTimeoutMs);
    if (outcome.kind === "error") {
      const detail = `the server refused ${method}`;
      throw new UpstreamFailure("invalid_params", { detail }, { cause: outcome.error, harmless: true });
    }
  }

  /** A request of the session itself. */
  async #own(method: string, params: JsonObject, timeoutMs: number): Promise<Outcome> {
    const call = systemCall(method, params, this.#info, timeoutMs);
    const timer = setTimeout(() => call.cancellation.cancel("deadline"), timeoutMs);
    try {
      return await this.request(call);
    } finally {
      clearTimeout(timer);
    }
  }

  #gone(): UpstreamFailure {
    return new UpstreamFailure(
      "upstream_lost",
      { server: this.endpoint.server },
      { notRun: true, harmless: true, sessionEnded: true },
    );
  }
}

/** The result for one question of the server. @throws GatewayError */
async function answerTo(
  method: JsonValue | undefined,
  params: JsonValue | undefined,
  ask: UpstreamCall["ask"],
): Promise<JsonValue> {
  switch (method) {
    case "ping":
      return {};
    case "elicitation/create":
    case "sampling/createMessage":
    case "roots/list": {
      const answers = await ask({ [method]: { method, params: isObject(params) ? params : {} } });
      const answer = answers[method];
      if (answer === undefined) throw new GatewayError("client_cannot_answer", { capability: method });
      return answer;
    }
    default:
      throw new GatewayError("client_cannot_answer", { capability: String(method) });
  }
}

function isStreaming(contentType: string | undefined): boolean {
  return contentType?.startsWith("text/event-stream") ?? false;
}
