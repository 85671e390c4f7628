import type { ClientContext, UpstreamCall } from "../../../model/call.ts";
import type { JsonObject } from "../../../protocol/json-value.ts";
import { Meta } from "../../../protocol/meta.ts";
import { MODERN_REVISION } from "../../../protocol/revision.ts";
import { relayedCapabilities } from "../capabilities.ts";

/** `_meta` members, as text, of a call to a legacy server: a progress token where the client wants progress. */
export function legacyMetaText(call: UpstreamCall, token: number): string {
  return call.wantsProgress ? `"progressToken":${token}` : "";
}

/** `_meta` members, as text, of a call to a 2026-07-28 server: every request says who asks and what that client can do. */
export function modernMetaText(call: UpstreamCall, token: number, gatewayInfo: JsonObject): string {
  const meta = modernMeta(call.client, gatewayInfo);
  if (call.client.logLevel !== undefined) meta[Meta.logLevel] = call.client.logLevel;
  if (call.wantsProgress) meta.progressToken = token;
  return JSON.stringify(meta).slice(1, -1);
}

/** The required `_meta` of a request (2026-07-28, basic/index, "_meta"). */
export function modernMeta(
  client: Pick<ClientContext, "capabilities" | "info">,
  gatewayInfo: JsonObject,
): JsonObject {
  return {
    [Meta.protocolVersion]: MODERN_REVISION,
    [Meta.clientCapabilities]: relayedCapabilities(client.capabilities),
    [Meta.clientInfo]: client.info ?? gatewayInfo,
  };
}
