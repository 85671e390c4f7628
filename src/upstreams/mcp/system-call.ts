import { GatewayError } from "../../errors/gateway-error.ts";
import type { UpstreamCall } from "../../model/call.ts";
import { Cancellation } from "../../model/cancellation.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import { MODERN_REVISION } from "../../protocol/revision.ts";
import { CATALOG_CAPABILITIES } from "./capabilities.ts";

export interface SystemCall extends UpstreamCall {
  readonly timeoutMs: number;
}

/**
 * A request the gateway makes for itself: reading lists, setting log levels, checking that the server is alive.
 * @param now milliseconds since the epoch
 */
export function systemCall(
  method: string,
  params: JsonObject,
  info: JsonObject,
  timeoutMs: number,
  now = Date.now(),
): SystemCall {
  return {
    id: "gateway",
    method,
    params,
    exact: false,
    client: {
      era: "modern",
      revision: MODERN_REVISION,
      capabilities: CATALOG_CAPABILITIES,
      info,
      logLevel: undefined,
      sessionId: undefined,
    },
    principalId: "gateway",
    wantsProgress: false,
    inputSchema: undefined,
    repeatable: true,
    timeoutMs,
    deadline: now + timeoutMs,
    cancellation: new Cancellation(),
    notify() {},
    ask: (requests) =>
      Promise.reject(
        new GatewayError("client_cannot_answer", {
          capability: Object.values(requests)[0]?.method ?? "input",
        }),
      ),
  };
}
