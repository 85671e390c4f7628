import { GatewayError } from "../../errors/gateway-error.ts";
import type { Outcome } from "../../model/call.ts";
import type { Exchange } from "../../model/exchange.ts";
import { asObject } from "../../protocol/json-value.ts";
import { annotatedParams, paramHeaderMismatch } from "../../protocol/mcp-headers.ts";
import type { Policy } from "../policy.ts";

/**
 * Arguments that a tool wants mirrored as `Mcp-Param-*` must agree with their headers (2026-07-28 streamable HTTP, "Server
 * validation"): whoever reads only headers must not be told another story than the body tells.
 */
export function mirroredHeadersPolicy(): Policy<Exchange, Outcome> {
  return (exchange, next) => {
    const { target, mirroredHeaders } = exchange;
    if (mirroredHeaders !== undefined && target?.kind === "tool") {
      const schema = asObject(target.definition?.inputSchema);
      if (schema !== undefined && annotatedParams(schema).length > 0) {
        const detail = paramHeaderMismatch(schema, exchange.params.arguments, mirroredHeaders);
        if (detail !== undefined) throw new GatewayError("header_mismatch", { detail });
      }
    }
    return next(exchange);
  };
}
