import type { Outcome, UpstreamCall } from "../../../model/call.ts";
import { Cancellation, type CancelReason } from "../../../model/cancellation.ts";
import type { HttpResponse } from "../../../net/http-exchange.ts";
import { isObject, type JsonObject } from "../../../protocol/json-value.ts";
import { cancelled, httpFailure, UpstreamFailure } from "../failure.ts";
import {
  errorMessage,
  type IncomingMessage,
  notificationOf,
  outcomeOf,
  readMessages,
  requestText,
  wantsLog,
  withoutToken,
} from "../message.ts";
import { readStream, type StreamEnd } from "./answer-stream.ts";
import { type HttpEndpoint, isEventStream, isJson } from "./endpoint.ts";
import { SILENCE_MAX_MS } from "./modern-request.ts";

/** Delay before a resume where the server named none. */
const RESUME_DELAY_MS = 500;
/** It doubles up to this while attempts fail. */
const RESUME_DELAY_CAP_MS = 4_000;

/** Whose stream a question came on. */
export interface Asker {
  /** Questions not answered yet. */
  openQuestions: number;
}

/** What an exchange needs of its session. */
export interface SessionLink {
  readonly endpoint: HttpEndpoint;
  readonly hasId: boolean;
  /** Header block of a POST and of a GET, session id included. */
  readonly postHeaders: string;
  readonly streamHeaders: string;
  /** Answers a question of the server with what `ask` yields. */
  answer(question: JsonObject, ask: UpstreamCall["ask"], asker: Asker): void;
  /** A message on this call's stream that is not this call's. */
  other(message: IncomingMessage, bytes: number): void;
  /** Posts a notification; failures are nobody's. */
  tell(method: string, params: JsonObject): void;
  /** The server does not know the session any more. */
  expired(): void;
  dropped(): void;
  resumed(): void;
}

/**
 * One request of a legacy session and everything that belongs to it: its POST, the stream it may be answered on,
 * questions and notifications there, and the resumption of that stream (2025-11-25, basic/transports, "Resumability").
 */
export class LegacyExchange implements Asker {
  readonly call: UpstreamCall;
  readonly id: number;
  readonly #link: SessionLink;
  readonly #hop = new Cancellation();
  #answer: Outcome | undefined;
  /** Of the first response. */
  status = 0;
  sessionId: string | undefined;
  openQuestions = 0;

  constructor(call: UpstreamCall, id: number, link: SessionLink) {
    this.call = call;
    this.id = id;
    this.#link = link;
  }

  async run(): Promise<Outcome> {
    const { call } = this;
    const forget = call.cancellation.onCancel((reason) => this.#cancel(reason));
    try {
      return await this.#exchange();
    } catch (thrown) {
      // The answer may have come another way, on the session's own stream.
      if (this.#answer !== undefined) return this.#answer;
      const { endpoint } = this.#link;
      throw httpFailure(thrown, endpoint.server, call, endpoint.limits.resultBytesMax);
    } finally {
      forget();
    }
  }

  /** Takes the response to this request, from whichever stream it came. */
  settle(message: IncomingMessage, bytes: number): void {
    const outcome = outcomeOf(message, bytes);
    if (outcome === undefined) return;
    this.#answer ??= outcome;
    this.#hop.cancel("client_gone");
  }

  async #exchange(): Promise<Outcome> {
    const { call, id } = this;
    const link = this.#link;
    const { endpoint } = link;
    // However long the client thinks about a question: the call's own timeout knows when its clock stands still.
    const meta = call.wantsProgress ? `"progressToken":${id}` : "";
    const response = await endpoint.post(
      link.postHeaders,
      requestText(id, call, meta),
      this.#hop,
      SILENCE_MAX_MS,
    );
    this.status = response.status;
    if (call.method === "initialize") this.sessionId = response.header("mcp-session-id");
    if (response.status === 200 && isEventStream(response.header("content-type"))) {
      return this.#streamed(response);
    }
    const body = response.text();
    const text = typeof body === "string" ? body : await body;
    if (response.status !== 200) return this.#refused(response.status, text);
    if (isJson(response.header("content-type"))) {
      for (const message of readMessages(text, endpoint.server, call.method))
        this.#message(message, text.length);
    }
    if (this.#answer !== undefined) return this.#answer;
    throw new UpstreamFailure("upstream_protocol_error", { server: endpoint.server });
  }

  async #streamed(first: HttpResponse): Promise<Outcome> {
    const { server, limits } = this.#link.endpoint;
    let response: HttpResponse | undefined = first;
    let eventId: string | undefined;
    let retryMs: number | undefined;
    let failures = 0;
    let readAt = 0;
    for (;;) {
      if (response !== undefined) {
        const end: StreamEnd = await readStream(
          response,
          server,
          this.call.method,
          limits.resultBytesMax,
          (message, bytes) => this.#message(message, bytes),
        );
        if (this.#answer !== undefined) return this.#answer;
        if (end.thrown instanceof UpstreamFailure || this.#hop.cancelled) throw end.thrown ?? this.#cut();
        eventId = end.lastEventId ?? eventId;
        retryMs = end.retryMs ?? retryMs;
        if (eventId === undefined) throw end.thrown ?? new UpstreamFailure("upstream_lost", { server });
        failures = 0;
        readAt = performance.now();
      } else {
        failures++;
        // The deadline stands still while its client is asked, but not for a server that is gone.
        const isGone = this.openQuestions > 0 && performance.now() - readAt > limits.connectTimeoutMs;
        if (isGone) throw new UpstreamFailure("upstream_lost", { server });
      }
      const delayMs = failures === 0 ? 0 : Math.min(RESUME_DELAY_MS * 2 ** failures, RESUME_DELAY_CAP_MS);
      await this.#sleep(Math.max(retryMs ?? RESUME_DELAY_MS, delayMs));
      if (this.#answer !== undefined) return this.#answer;
      if (this.#hop.cancelled) throw this.#cut();
      response = await this.#resume(eventId as string);
    }
  }

  /** @returns `undefined` where the attempt failed in a way worth another one */
  async #resume(eventId: string): Promise<HttpResponse | undefined> {
    const { endpoint, streamHeaders } = this.#link;
    this.#link.resumed();
    let response: HttpResponse;
    try {
      const lastEventId = /^[\t\x20-\x7e]*$/.test(eventId) ? `last-event-id: ${eventId}\r\n` : "";
      response = await endpoint.get(streamHeaders + lastEventId, this.#hop, SILENCE_MAX_MS);
    } catch (thrown) {
      if (this.#hop.cancelled) throw thrown;
      return undefined;
    }
    if (response.status === 200 && isEventStream(response.header("content-type"))) return response;
    response.abort();
    if (response.status === 404 && this.#link.hasId) this.#link.expired();
    if (response.status >= 500) return undefined;
    throw new UpstreamFailure("upstream_lost", { server: endpoint.server });
  }

  /** @returns true once the answer is there */
  #message(message: IncomingMessage, bytes: number): boolean {
    const { value } = message;
    const { call, id } = this;
    const link = this.#link;
    if (value.method === undefined) {
      if (value.id !== id && !(value.id === null && value.error !== undefined)) {
        link.other(message, bytes);
        return false;
      }
      this.#answer = outcomeOf(message, bytes);
      if (this.#answer === undefined) {
        throw new UpstreamFailure("upstream_protocol_error", { server: link.endpoint.server });
      }
      return true;
    }
    if (value.id !== undefined) link.answer(value, (requests) => call.ask(requests), this);
    else if (value.method === "notifications/progress") this.#progress(message, bytes);
    else if (value.method === "notifications/message") this.log(value);
    // Ours to relay: what an answered URL led to. A modern client learns that by its retry.
    else if (value.method === "notifications/elicitation/complete") call.notify(notificationOf(value));
    else link.other(message, bytes);
    return false;
  }

  #progress(message: IncomingMessage, bytes: number): void {
    const { params } = message.value;
    if (isObject(params) && params.progressToken === this.id) this.progress(params);
    else this.#link.other(message, bytes);
  }

  /** Passes on progress of this request, however it came; its token says whose it is. */
  progress(params: JsonObject): void {
    if (this.call.wantsProgress) this.call.notify(withoutToken(params));
    else this.#link.dropped();
  }

  log(value: JsonObject): void {
    const params = isObject(value.params) ? value.params : undefined;
    if (wantsLog(this.call.client, params)) this.call.notify(notificationOf(value));
  }

  #refused(status: number, text: string): Outcome {
    const { endpoint, hasId } = this.#link;
    const { server } = endpoint;
    const message = errorMessage(text, server, this.call.method);
    const unread = message === undefined || message.value.id === null || message.value.id === undefined;
    // 404 is the specification's sign; many servers say 400 of a session they do not know. Neither ran anything.
    if (hasId && unread && (status === 404 || (status === 400 && message !== undefined))) {
      this.#link.expired();
      const traits = { notRun: true, harmless: true, sessionEnded: true, status };
      throw new UpstreamFailure("upstream_lost", { server }, traits);
    }
    const relayable = status >= 400 && status !== 401 && status !== 403 && status !== 429;
    const outcome = relayable && message !== undefined ? outcomeOf(message, text.length) : undefined;
    if (outcome !== undefined) return outcome;
    if (status < 400) throw new UpstreamFailure("upstream_protocol_error", { server }, { status });
    throw new UpstreamFailure("upstream_refused", { server, status }, { harmless: status < 500, status });
  }

  /** In this era a disconnect is no cancellation: the server is told first, then the stream is dropped. */
  #cancel(reason: CancelReason): void {
    if (this.#answer !== undefined) return;
    if (this.call.method !== "initialize") {
      this.#link.tell("notifications/cancelled", { requestId: this.id, reason });
    }
    this.#hop.cancel(reason);
  }

  #cut(): UpstreamFailure {
    return cancelled(this.call, this.#link.endpoint.server);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      const forget = this.#hop.onCancel(done);
      function done() {
        clearTimeout(timer);
        queueMicrotask(() => forget());
        resolve();
      }
    });
  }
}
