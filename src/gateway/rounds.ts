import { GatewayError } from "../errors/gateway-error.ts";
import type { Outcome } from "../model/call.ts";
import type { Exchange, Target } from "../model/exchange.ts";
import type { Next, Policy } from "../policy/policy.ts";
import type { ParkedCalls } from "./parked-calls.ts";
import type { RequestStates } from "./request-state.ts";

/** How long a client may take to answer a round of questions of a modern server. */
const STATE_LIFE_MS = 10 * 60_000;
/** Requests that may be answered with questions (2026-07-28, multi round-trip requests). */
const ASKING = new Set(["tools/call", "prompts/get", "resources/read"]);

/** Opens the state a request brought. What is wrong with one is said by `roundsPolicy`, after the call was permitted. */
export function requestStatePolicy(
  states: RequestStates,
  parked: Pick<ParkedCalls, "targetOf">,
): Policy<Exchange, Outcome> {
  return (exchange, next) => {
    const presented = exchange.params.requestState;
    if (presented !== undefined && exchange.target !== undefined && typeof presented === "string") {
      const continuation = states.open(exchange, presented);
      exchange.continuation = continuation;
      // The call is at its server already, wherever a route may lead by now.
      if (continuation?.kind === "parked")
        exchange.target = parked.targetOf(continuation.callId) ?? exchange.target;
    }
    return next(exchange);
  };
}

/**
 * Rounds of questions and answers. A modern server's own state is sealed on its way to the client; a call that a legacy
 * server interrupts with questions is parked until the client's retry.
 * @throws GatewayError `invalid_params` for a state that is not ours, has expired, or belongs to another call;
 *   `call_lost` where the parked call is not known any more
 */
export function roundsPolicy(states: RequestStates, parked: ParkedCalls): Policy<Exchange, Outcome> {
  const seal = (exchange: Exchange, outcome: Outcome): Outcome => {
    if (outcome.kind !== "result" || outcome.result.resultType !== "input_required") return outcome;
    const { requestState } = outcome.result;
    if (typeof requestState !== "string") return outcome;
    const sealed = states.seal(exchange, { kind: "server", state: requestState }, STATE_LIFE_MS);
    return { ...outcome, result: { ...outcome.result, requestState: sealed } };
  };
  const run = (exchange: Exchange, next: Next<Exchange, Outcome>): Outcome | Promise<Outcome> => {
    const outcome = next(exchange);
    return outcome instanceof Promise
      ? outcome.then((settled) => seal(exchange, settled))
      : seal(exchange, outcome);
  };
  return (exchange, next) => {
    const { target, continuation, params } = exchange;
    if (target === undefined) return next(exchange);
    if (params.requestState !== undefined) {
      if (continuation === undefined) {
        throw new GatewayError("invalid_params", {
          detail: "requestState is not valid for this call (any more)",
        });
      }
      if (continuation.kind === "parked")
        return parked.retry(exchange, continuation.callId, continuation.round);
      Object.assign(exchange, { params: { ...params, requestState: continuation.state } });
    }
    return mayBeAsked(exchange, target)
      ? parked.run(exchange, (inner) => run(inner, next))
      : run(exchange, next);
  };
}

/** A modern server puts its questions into its answer; a legacy one asks in the middle of the call. */
function mayBeAsked({ client, method }: Exchange, { upstream }: Target): boolean {
  if (upstream === undefined || client.era !== "modern" || upstream.era === "modern" || !ASKING.has(method))
    return false;
  const { elicitation, sampling, roots } = client.capabilities;
  return elicitation !== undefined || sampling !== undefined || roots !== undefined;
}
