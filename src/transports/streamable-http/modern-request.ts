import { GatewayError } from "../../errors/gateway-error.ts";
import type { IncomingHeaders } from "../../model/incoming-request.ts";
import { asObject, type JsonObject } from "../../protocol/json-value.ts";
import { isRequestId, type RequestId } from "../../protocol/jsonrpc.ts";
import { decodeHeaderValue } from "../../protocol/mcp-headers.ts";
import { Meta } from "../../protocol/meta.ts";
import { SUPPORTED_VERSIONS } from "../../protocol/modern/codec.ts";
import { MODERN_REVISION } from "../../protocol/revision.ts";

export interface ModernRequest {
  readonly id: RequestId;
  readonly method: string;
  readonly params: JsonObject;
  readonly meta: JsonObject;
}

/** Requests whose name is mirrored in `Mcp-Name`, and where it stands. */
const NAMED_METHODS: Readonly<Record<string, "name" | "uri">> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
};

/**
 * Checks one 2026-07-28 request against its headers, in the order the specification's errors imply: shape, `_meta`, version
 * agreement, version support, mirrored method and name (streamable HTTP, "Server validation").
 * @throws GatewayError `invalid_request`, `invalid_params`, `header_mismatch`, `unsupported_protocol_version`
 */
export function readModernRequest(message: JsonObject, headers: IncomingHeaders): ModernRequest {
  const { id, method } = message;
  if (message.jsonrpc !== "2.0" || typeof method !== "string") {
    throw new GatewayError("invalid_request", { detail: 'jsonrpc must be "2.0" and method a string' });
  }
  if (!isRequestId(id)) {
    throw new GatewayError("invalid_request", { detail: "id must be a string or a number" });
  }
  const params = message.params === undefined ? {} : asObject(message.params);
  const meta = asObject(params?._meta);
  if (params === undefined) throw new GatewayError("invalid_params", { detail: "params must be an object" });
  if (meta === undefined) throw new GatewayError("invalid_params", { detail: "_meta is missing" });
  const version = meta[Meta.protocolVersion];
  if (typeof version !== "string") {
    throw new GatewayError("invalid_params", { detail: `_meta["${Meta.protocolVersion}"] is missing` });
  }
  if (asObject(meta[Meta.clientCapabilities]) === undefined) {
    throw new GatewayError("invalid_params", { detail: `_meta["${Meta.clientCapabilities}"] is missing` });
  }
  const declared = headers.get("mcp-protocol-version")?.trim();
  if (declared !== version)
    mismatch(`MCP-Protocol-Version is ${quote(declared)}, _meta says ${quote(version)}`);
  if (version !== MODERN_REVISION) throw unsupportedVersion(version);
  const mirrored = headers.get("mcp-method")?.trim();
  if (mirrored !== method) mismatch(`Mcp-Method is ${quote(mirrored)}, the body says ${quote(method)}`);
  checkName(method, params, headers);
  return { id, method, params, meta };
}

function checkName(method: string, params: JsonObject, headers: IncomingHeaders): void {
  const key = NAMED_METHODS[method];
  if (key === undefined) return;
  const raw = headers.get("mcp-name")?.trim();
  const mirrored = raw === undefined ? undefined : decodeHeaderValue(raw);
  const name = params[key];
  if (typeof name === "string" && mirrored !== name) {
    mismatch(`Mcp-Name is ${quote(mirrored)}, the body says ${quote(name)}`);
  }
}

export function unsupportedVersion(requested: string): GatewayError {
  return new GatewayError(
    "unsupported_protocol_version",
    {},
    { data: { supported: SUPPORTED_VERSIONS, requested: requested.slice(0, 64) } },
  );
}

function mismatch(detail: string): never {
  throw new GatewayError("header_mismatch", { detail });
}

function quote(text: string | undefined): string {
  return text === undefined ? "missing" : JSON.stringify(text.slice(0, 128));
}
