import type { UpstreamCall } from "../../../model/call.ts";
import type { JsonObject, JsonValue } from "../../../protocol/json-value.ts";
import { annotatedParams, encodeHeaderValue, paramHeaders } from "../../../protocol/mcp-headers.ts";
import { Meta } from "../../../protocol/meta.ts";
import { MODERN_REVISION } from "../../../protocol/revision.ts";
import { relayedCapabilities } from "../capabilities.ts";
import type { HttpEndpoint } from "./endpoint.ts";

const META_START = `"${Meta.protocolVersion}":"${MODERN_REVISION}","${Meta.clientCapabilities}":`;
/** Tools of one server whose header blocks are kept. */
const TOOLS_MAX = 1_000;
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

/** The header blocks of calls of tools, the same strings for the same tool, and what mirrors arguments made anew. */
export class HeaderBlocks {
  readonly #constant: string;
  readonly #byTool = new Map<string, string>();

  constructor(constant: string) {
    this.#constant = constant;
  }

  of(call: UpstreamCall): string {
    const { method, params, inputSchema } = call;
    const { name } = params;
    if (method !== "tools/call" || typeof name !== "string") return this.#made(call);
    if (inputSchema !== undefined && annotatedParams(inputSchema).length > 0) return this.#made(call);
    let block = this.#byTool.get(name);
    if (block === undefined) {
      if (this.#byTool.size >= TOOLS_MAX) this.#byTool.clear();
      block = this.#made(call);
      this.#byTool.set(name, block);
    }
    return block;
  }

  #made(call: UpstreamCall): string {
    return this.#constant + mirroredHeaders(call);
  }
}

/** The JSON of a small object that is made anew for each call and mostly says what the one before it said. */
export class RepeatedObject {
  #keys: readonly string[] = [];
  #values: readonly (JsonValue | undefined)[] = [];
  #text = "{}";

  textOf(value: JsonObject): string {
    const keys = this.#keys;
    const values = this.#values;
    let count = 0;
    for (const key in value) {
      if (key !== keys[count] || value[key] !== values[count]) return this.#make(value);
      count++;
    }
    return count === keys.length ? this.#text : this.#make(value);
  }

  /** Objects within it are never the ones of before. */
  #make(value: JsonObject): string {
    this.#keys = Object.keys(value);
    this.#values = Object.values(value);
    this.#text = JSON.stringify(value);
    return this.#text;
  }
}

/** Longest silence that the HTTP client bears for this call; milliseconds. */
export function silenceMs(call: UpstreamCall): number {
  return Math.min(Math.max(1, call.deadline - Date.now()) + SILENCE_SLACK_MS, SILENCE_MAX_MS);
}
