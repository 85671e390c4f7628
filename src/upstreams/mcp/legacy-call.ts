import type { InputRequests, InputResponses, Outcome, UpstreamCall } from "../../model/call.ts";
import { isObject, type JsonObject } from "../../protocol/json-value.ts";
import { type JsonRpcNotification, RpcCode } from "../../protocol/jsonrpc.ts";
import { lacking } from "./capabilities.ts";
import { UpstreamFailure } from "./failure.ts";
import type { Flight, Flights } from "./flights.ts";

/**
 * A canonical call on its way to a legacy server: without the members that only the modern retry has, and with the
 * server's clock standing still while the client is asked.
 */
export class LegacyCall implements UpstreamCall {
  readonly #call: UpstreamCall;
  readonly #flight: Flight;
  readonly #flights: Flights;
  readonly params: JsonObject;

  constructor(call: UpstreamCall, flight: Flight, flights: Flights) {
    this.#call = call;
    this.#flight = flight;
    this.#flights = flights;
    const { inputResponses, requestState, ...params } = call.params;
    this.params = inputResponses === undefined && requestState === undefined ? call.params : params;
  }

  get id() {
    return this.#call.id;
  }
  get method() {
    return this.#call.method;
  }
  get exact() {
    return this.#call.exact;
  }
  get client() {
    return this.#call.client;
  }
  get principalId() {
    return this.#call.principalId;
  }
  get wantsProgress() {
    return this.#call.wantsProgress;
  }
  get inputSchema() {
    return this.#call.inputSchema;
  }
  get repeatable() {
    return this.#call.repeatable;
  }
  get deadline() {
    return this.#call.deadline;
  }
  get cancellation() {
    return this.#call.cancellation;
  }

  notify(notification: JsonRpcNotification): void {
    this.#call.notify(notification);
  }

  async ask(requests: InputRequests): Promise<InputResponses> {
    this.#flights.pause(this.#flight);
    try {
      return await this.#call.ask(requests);
    } finally {
      this.#flights.resume(this.#flight);
    }
  }
}

/**
 * A legacy outcome in modern words: `-32002` is `-32602` (2026-07-28, server/resources), and `-32042` is a request for
 * URL elicitations that the retry answers. A legacy client knows `-32042` itself, and when to try again: it gets it as it is.
 * @throws UpstreamFailure `client_cannot_answer` where the client knows no URL elicitation
 */
export function canonicalOutcome(outcome: Outcome, call: UpstreamCall): Outcome {
  if (outcome.kind !== "error") return outcome;
  const { error } = outcome;
  if (error.code === RpcCode.resourceNotFound) {
    return { ...outcome, error: { ...error, code: RpcCode.invalidParams } };
  }
  if (error.code !== RpcCode.urlElicitationRequired || call.client.era === "legacy") return outcome;
  const elicitations = isObject(error.data) ? error.data.elicitations : undefined;
  const inputRequests: JsonObject = {};
  for (const item of Array.isArray(elicitations) ? elicitations : []) {
    if (!isObject(item) || typeof item.elicitationId !== "string") continue;
    inputRequests[item.elicitationId] = { method: "elicitation/create", params: { mode: "url", ...item } };
  }
  const needed: JsonObject = { elicitation: { url: {} } };
  if (
    Object.keys(inputRequests).length === 0 ||
    Object.keys(lacking(needed, call.client.capabilities)).length > 0
  ) {
    throw new UpstreamFailure("client_cannot_answer", { capability: "elicitation.url" }, { harmless: true });
  }
  return { kind: "result", result: { resultType: "input_required", inputRequests }, exact: outcome.exact };
}
