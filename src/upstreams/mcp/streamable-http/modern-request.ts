import type { UpstreamCall } from "../../../model/call.ts";
import type { JsonObject } from "../../../protocol/json-value.ts";
import { annotatedParams, encodeHeaderValue, paramHeaders } from "../../../protocol/mcp-headers.ts";
import { Meta } from "../../../protocol/meta.ts";
import { MODERN_REVISION } from "../../../protocol/revision.ts";
import { relayedCapabilities } from "../capabilities.ts";
import type { HttpEndpoint } from "./endpoint.ts";

const META_START = `"${Meta.protocolVersion}":"${MODERN_REVISION}","${Meta.clientCapabilities}":`;
/** The HTTP client's own timeout comes after the call's, which says better what happened. */
const SILENCE_SLACK_MS = 1000;
export const SILENCE_MAX_MS = 2 ** 31 - 1;

/** The constant header lines of every request to a 2026-07-28 server. */
export function modernHeaders(endpoint: HttpEndpoint): string {
  return `${endpoint.postHeaders}mcp-protocol-version: ${MODERN_REVISION}\r\n`;
}

/** `Mcp-Method`, `Mcp-Name` and `Mcp-Param-*` of one request. */
export function mirroredHeaders(call: UpstreamCall): string {
  const { method, params, inputSchema } = call;
  let block = `mcp-method: ${encodeHeaderValue(method)}\r\n`;
  const name =
    method === "tools/call" || method === "prompts/get"
      ? params.name
      : method === "resources/read"
        ? params.uri
        : undefined;
  if (typeof name === "string") block += `mcp-name: ${encodeHeaderValue(name)}\r\n`;
  if (inputSchema !== undefined && annotatedParams(inputSchema).length > 0) {
    for (const [header, value] of paramHeaders(inputSchema, params.arguments))
      block += `${header}: ${value}\r\n`;
  }
  return block;
}

/** Text of the relayed capabilities; most clients declare none. */
function capabilitiesText(declared: JsonObject): string {
  for (const _ in declared) return JSON.stringify(relayedCapabilities(declared));
  return "{}";
}

/** The required `_meta` members, comma separated (basic/index, "_meta"). @param infoText client info as JSON */
export function hopMeta(declared: JsonObject, infoText: string): string {
  return `${META_START}${capabilitiesText(declared)},"${Meta.clientInfo}":${infoText}`;
}

/** Longest silence that the HTTP client bears for this call; milliseconds. */
export function silenceMs(call: UpstreamCall): number {
  return Math.min(Math.max(1, call.deadline - Date.now()) + SILENCE_SLACK_MS, SILENCE_MAX_MS);
}
