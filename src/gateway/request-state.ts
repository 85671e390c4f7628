import { GatewayError } from "../errors/gateway-error.ts";
import type { Outcome } from "../model/call.ts";
import type { Exchange } from "../model/exchange.ts";
import type { Sealer } from "../model/ports/sealer.ts";
import type { Policy } from "../policy/policy.ts";
import { stringify } from "../protocol/json.ts";
import type { JsonObject } from "../protocol/json-value.ts";

/** How long a client may take to answer a round of questions. */
const STATE_LIFE_MS = 10 * 60_000;

/**
 * Seals the state a server hands out with `input_required` (2026-07-28, multi round-trip requests) and opens it on the
 * retry. The seal binds principal, endpoint, method, server and parameters, because several callers may share one
 * credential towards the server and it cannot tell them apart.
 * @throws GatewayError `invalid_params` for a state that is not ours, has expired, or belongs to another call.
 */
export function requestStatePolicy(sealer: Sealer, now: () => number): Policy<Exchange, Outcome> {
  const seal = (exchange: Exchange, outcome: Outcome): Outcome => {
    if (outcome.kind !== "result" || outcome.result.resultType !== "input_required") return outcome;
    const { requestState } = outcome.result;
    if (typeof requestState !== "string") return outcome;
    const sealed = sealer.seal(
      "request-state",
      JSON.stringify([now() + STATE_LIFE_MS, bindingOf(exchange), requestState]),
    );
    return { ...outcome, result: { ...outcome.result, requestState: sealed } };
  };
  return (exchange, next) => {
    if (exchange.target === undefined) return next(exchange);
    const presented = exchange.params.requestState;
    const inner = presented === undefined ? exchange : opened(exchange, presented, sealer, now);
    const outcome = next(inner);
    return outcome instanceof Promise
      ? outcome.then((settled) => seal(inner, settled))
      : seal(inner, outcome);
  };
}

function opened(exchange: Exchange, presented: unknown, sealer: Sealer, now: () => number): Exchange {
  const text = typeof presented === "string" ? sealer.open("request-state", presented) : undefined;
  const [expiresAt, binding, state] =
    text === undefined ? [] : (JSON.parse(text) as [number, string, string]);
  if (expiresAt === undefined || expiresAt < now() || binding !== bindingOf(exchange)) {
    throw new GatewayError("invalid_params", {
      detail: "requestState is not valid for this call (any more)",
    });
  }
  return withParams(exchange, { ...exchange.params, requestState: state as string });
}

/** The same exchange over other params; identity is kept so that every layer goes on seeing one call. */
function withParams(exchange: Exchange, params: JsonObject): Exchange {
  return Object.assign(exchange, { params });
}

function bindingOf(exchange: Exchange): string {
  const { requestState: _state, inputResponses: _responses, _meta, ...rest } = exchange.params;
  return Bun.SHA256.hash(
    [
      exchange.principal.id,
      exchange.endpoint.namespaceId,
      exchange.target?.server.id,
      exchange.method,
      stringify(rest, exchange.exact),
    ].join("\n"),
    "base64",
  );
}
