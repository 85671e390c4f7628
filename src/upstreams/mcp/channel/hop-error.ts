import { GatewayError } from "../../../errors/gateway-error.ts";
import type { UpstreamCall } from "../../../model/call.ts";
import { isObject } from "../../../protocol/json-value.ts";
import { type JsonRpcErrorBody, RpcCode } from "../../../protocol/jsonrpc.ts";
import { isRelayable, lacking } from "../capabilities.ts";

/**
 * An error of a modern server that speaks of the gateway's own hop, in the gateway's words: a client can neither mend our
 * `_meta` nor know what we relay. Undefined for every other error, which is relayed.
 */
export function hopError(
  server: string,
  call: UpstreamCall,
  error: JsonRpcErrorBody,
): GatewayError | undefined {
  if (error.code === RpcCode.unsupportedProtocolVersion || error.code === RpcCode.headerMismatch) {
    return new GatewayError("upstream_protocol_error", { server }, { cause: new Error(error.message) });
  }
  if (error.code !== RpcCode.missingClientCapability) return undefined;
  const { data } = error;
  const named = isObject(data) ? data.requiredCapabilities : undefined;
  const required = isObject(named) ? named : {};
  const missing = lacking(required, call.client.capabilities);
  const curable = Object.keys(missing).filter(isRelayable);
  if (curable.length === 0) {
    return new GatewayError("client_cannot_answer", {
      capability: Object.keys(required).join(", ") || "more",
    });
  }
  const requiredCapabilities = Object.fromEntries(curable.map((key) => [key, missing[key]]));
  return new GatewayError("missing_client_capability", {}, { data: { requiredCapabilities } });
}
