import { GatewayError } from "../../errors/gateway-error.ts";
import type { Outcome } from "../../model/call.ts";
import type { Exchange } from "../../model/exchange.ts";
import type { Policy } from "../policy.ts";

/**
 * Gives every exchange its end: the request limit or the server's own timeout, whichever comes first. No timer is set
 * here: the connector that waits watches the deadline, because only it can tell its server to stop.
 */
export function deadlinePolicy(requestTimeoutMs: number, now: () => number): Policy<Exchange, Outcome> {
  return (exchange, next) => {
    if (exchange.cancellation.cancelled) throw new GatewayError("call_cancelled");
    const serverTimeoutMs = exchange.target?.server.timeoutMs ?? requestTimeoutMs;
    exchange.deadline = now() + Math.min(requestTimeoutMs, serverTimeoutMs);
    return next(exchange);
  };
}
