import { GatewayError } from "../errors/gateway-error.ts";
import { lackingCapability } from "../model/asked-capability.ts";
import type { InputRequest, InputRequests, InputResponses, Outcome } from "../model/call.ts";
import type { CancelReason } from "../model/cancellation.ts";
import type { Exchange } from "../model/exchange.ts";
import { stringify } from "../protocol/json.ts";
import { stringifyExact } from "../protocol/json-exact.ts";
import { asObject, type JsonObject, type JsonValue } from "../protocol/json-value.ts";
import type { JsonRpcNotification } from "../protocol/jsonrpc.ts";

/** Questions that arrive within this time of the first go out together. */
const GATHER_MS = 20;
/** Notifications kept for the retry; more, or more text, are dropped, the newest first. */
const NOTIFICATIONS_MAX = 100;
const NOTIFICATION_CHARS_MAX = 65_536;

interface Question {
  readonly request: InputRequest;
  readonly resolve: (answer: JsonValue) => void;
  readonly reject: (error: GatewayError) => void;
}

/** The request of the client that waits for this call now. */
interface Attendance {
  readonly exchange: Exchange;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (thrown: unknown) => void;
  readonly release: () => void;
}

export interface ParkedCallEvents {
  /** The first question: may this call be kept while its client is away? Throws where there is no room. */
  readonly onFirstQuestion: (call: ParkedCall) => void;
  /** Before questions go out, and before answers are passed on; rejects where that cannot be recorded. */
  readonly record: (
    call: ParkedCall,
    exchange: Exchange,
    act: "asked" | "answered",
    keys: readonly string[],
  ) => Promise<void> | undefined;
  readonly seal: (call: ParkedCall, exchange: Exchange) => string;
  /** The client has left with questions; it has a limited time to come back. */
  readonly onParked: (call: ParkedCall) => void;
  readonly onAttended: (call: ParkedCall) => void;
  /** It ended at its server: only a repeated retry may still ask for it. */
  readonly onEnded: (call: ParkedCall) => void;
}

/**
 * One call of a modern client at a legacy server, which may outlive the requests it is asked for with: where the server
 * has a question, the client's request ends with `input_required`, the call waits here, and the client's retry takes it
 * up again (decisions, "Sessions with legacy upstreams"). The server sees one call, the journal one intent and one outcome.
 */
export class ParkedCall {
  readonly id = Bun.randomUUIDv7();
  /** The request the server's call was made of. */
  readonly exchange: Exchange;
  /** Names the round of questions the client was given last. */
  round = 0;
  readonly #events: ParkedCallEvents;
  readonly #questions = new Map<string, Question>();
  readonly #notifications: JsonRpcNotification[] = [];
  #notificationChars = 0;
  /** The last retry: the same one again gets the same outcome. */
  #retry: { readonly round: number; readonly digest: string; readonly outcome: Promise<Outcome> } | undefined;
  #attendance: Attendance | undefined;
  #end: { readonly outcome: Outcome } | { readonly thrown: unknown } | undefined;
  #asked = 0;
  #gathering: ReturnType<typeof setTimeout> | undefined;

  constructor(exchange: Exchange, events: ParkedCallEvents) {
    this.exchange = exchange;
    this.#events = events;
  }

  get attended(): boolean {
    return this.#attendance !== undefined;
  }
  get ended(): boolean {
    return this.#end !== undefined;
  }
  /** Size of the result it ended with, as its server sent it; 0 where there is none. */
  get resultBytes(): number {
    const end = this.#end;
    return end !== undefined && "outcome" in end && end.outcome.kind === "result"
      ? (end.outcome.bytes ?? 0)
      : 0;
  }
  /** It ended while its client was away. */
  unfetched = false;

  /** Starts the call at the server; the promise is the first request's outcome. */
  start(run: (exchange: Exchange) => Outcome | Promise<Outcome>): Promise<Outcome> {
    const { exchange } = this;
    const answered = this.#attend({ exchange, notify: exchange.notify.bind(exchange) });
    exchange.notify = (notification) => this.#notify(notification);
    exchange.ask = (requests) => this.#ask(requests);
    new Promise<Outcome>((resolve) => resolve(run(exchange))).then(
      (outcome) => this.#ending({ outcome }),
      (thrown: unknown) => this.#ending({ thrown }),
    );
    return answered;
  }

  /**
   * The client's retry with its answers; what it leaves open is asked again.
   * @throws GatewayError `invalid_params` for answers that are none, or to a round that was answered otherwise
   */
  retry(exchange: Exchange, round: number): Promise<Outcome> {
    const given = exchange.params.inputResponses;
    const digest = Bun.SHA256.hash(given === undefined ? "" : stringify(given, true), "base64");
    const last = this.#retry;
    if (last !== undefined && last.round === round && last.digest === digest) {
      exchange.intent = this.exchange.intent;
      return last.outcome;
    }
    if (round !== this.round || last?.round === round) {
      throw new GatewayError("invalid_params", { detail: "these questions were answered already" });
    }
    const answers = this.#read(given);
    // Recorded already: the retry is no call of its own.
    exchange.intent = this.exchange.intent;
    const outcome = this.#attend({ exchange, notify: exchange.notify.bind(exchange) });
    this.#retry = { round, digest, outcome };
    this.#events.onAttended(this);
    void this.#passOn(exchange, answers);
    return outcome;
  }

  /** Gives the call up at its server. */
  abandon(reason: CancelReason): void {
    this.exchange.cancellation.cancel(reason);
  }

  #read(given: JsonValue | undefined): Map<string, JsonValue> {
    const answers = new Map<string, JsonValue>();
    if (given === undefined) return answers;
    const responses = asObject(given);
    if (responses === undefined)
      throw new GatewayError("invalid_params", { detail: "inputResponses must be an object" });
    for (const [key, answer] of Object.entries(responses)) {
      if (!this.#questions.has(key)) continue;
      if (asObject(answer) === undefined) {
        throw new GatewayError("invalid_params", {
          detail: `inputResponses: the answer to "${key}" must be an object`,
        });
      }
      answers.set(key, answer as JsonValue);
    }
    return answers;
  }

  async #passOn(exchange: Exchange, answers: ReadonlyMap<string, JsonValue>): Promise<void> {
    try {
      if (answers.size > 0) await this.#events.record(this, exchange, "answered", [...answers.keys()]);
    } catch (thrown) {
      this.#settle({ thrown });
      this.abandon("unrecorded");
      return;
    }
    for (const [key, answer] of answers) {
      const question = this.#questions.get(key);
      this.#questions.delete(key);
      question?.resolve(answer);
    }
    if (this.#end !== undefined) {
      this.unfetched = false;
      this.#settle(this.#end);
    } else if (this.#questions.size > 0) this.#gather();
  }

  #attend(by: {
    readonly exchange: Exchange;
    notify(notification: JsonRpcNotification): void;
  }): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const { exchange } = by;
    // 2026-07-28: a client that closes its request's stream cancels the call.
    const release =
      exchange === this.exchange
        ? () => {}
        : exchange.cancellation.onCancel((reason) => this.exchange.cancellation.cancel(reason));
    this.#attendance = { exchange, resolve, reject, release };
    this.#forward = by.notify;
    this.#notificationChars = 0;
    for (const notification of this.#notifications.splice(0)) by.notify(notification);
    return promise;
  }

  #forward: (notification: JsonRpcNotification) => void = () => {};

  #notify(notification: JsonRpcNotification): void {
    if (this.#attendance !== undefined) {
      this.#forward(notification);
      return;
    }
    if (this.#notifications.length >= NOTIFICATIONS_MAX) return;
    const chars = stringifyExact(notification as unknown as JsonValue).length;
    if (this.#notificationChars + chars > NOTIFICATION_CHARS_MAX) return;
    this.#notificationChars += chars;
    this.#notifications.push(notification);
  }

  async #ask(requests: InputRequests): Promise<InputResponses> {
    const { capabilities } = this.exchange.client;
    for (const request of Object.values(requests)) {
      const lacking = lackingCapability(request, capabilities);
      if (lacking !== undefined) throw new GatewayError("client_cannot_answer", { capability: lacking });
    }
    if (this.#asked === 0) this.#events.onFirstQuestion(this);
    const answers = Object.entries(requests).map(async ([key, request]): Promise<[string, JsonValue]> => {
      const name = `question-${++this.#asked}`;
      const { promise, resolve, reject } = Promise.withResolvers<JsonValue>();
      this.#questions.set(name, { request, resolve, reject });
      return [key, await promise];
    });
    if (this.#attendance !== undefined) this.#gather();
    return Object.fromEntries(await Promise.all(answers));
  }

  #gather(): void {
    this.#gathering ??= setTimeout(() => void this.#sendQuestions(), GATHER_MS);
  }

  /** Ends the client's request with everything that is asked now. */
  async #sendQuestions(): Promise<void> {
    this.#gathering = undefined;
    const attendance = this.#attendance;
    if (attendance === undefined || this.#questions.size === 0) return;
    const { exchange } = attendance;
    const inputRequests: JsonObject = {};
    for (const [key, { request }] of this.#questions) inputRequests[key] = { ...request };
    this.round++;
    try {
      await this.#events.record(this, exchange, "asked", Object.keys(inputRequests));
    } catch (thrown) {
      this.#settle({ thrown });
      this.abandon("unrecorded");
      return;
    }
    if (this.#attendance !== attendance) return;
    const requestState = this.#events.seal(this, exchange);
    const result: JsonObject = { resultType: "input_required", inputRequests, requestState };
    this.#settle({ outcome: { kind: "result", result, exact: true } });
    this.#events.onParked(this);
  }

  #ending(end: { readonly outcome: Outcome } | { readonly thrown: unknown }): void {
    this.#end = end;
    clearTimeout(this.#gathering);
    for (const question of this.#questions.values()) question.reject(new GatewayError("call_lost"));
    this.#questions.clear();
    this.unfetched = this.#attendance === undefined;
    this.#settle(end);
    this.#events.onEnded(this);
  }

  /** Ends the client's request, where one waits. */
  #settle(end: { readonly outcome: Outcome } | { readonly thrown: unknown }): void {
    const attendance = this.#attendance;
    if (attendance === undefined) return;
    this.#attendance = undefined;
    attendance.release();
    if ("outcome" in end) attendance.resolve(end.outcome);
    else attendance.reject(end.thrown);
  }
}
