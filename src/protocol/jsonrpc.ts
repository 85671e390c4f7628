import { ExactNumber, stringifyExact } from "./json-exact.ts";
import type { JsonObject, JsonValue } from "./json-value.ts";

/** JSON-RPC 2.0 messages (https://www.jsonrpc.org/specification) in the profile MCP uses: ids are never null. */
export type RequestId = string | number;

/** Request ids and progress tokens: strings and numbers, among them those that only their source text keeps. */
export function isRequestId(value: JsonValue | undefined): value is RequestId {
  return typeof value === "string" || typeof value === "number" || value instanceof ExactNumber;
}

/** An id as it was written; equal for equal ids, and different for `1` and `"1"`. */
export function idText(id: RequestId): string {
  return typeof id === "number" ? String(id) : stringifyExact(id);
}

export interface JsonRpcRequest {
  jsonrpc: "2.0";
  id: RequestId;
  method: string;
  params?: JsonObject;
}
export interface JsonRpcNotification {
  jsonrpc: "2.0";
  method: string;
  params?: JsonObject;
}
export interface JsonRpcErrorBody {
  code: number;
  message: string;
  data?: JsonValue;
}
export interface JsonRpcResult {
  jsonrpc: "2.0";
  id: RequestId;
  result: JsonObject;
}
export interface JsonRpcError {
  jsonrpc: "2.0";
  id: RequestId | null;
  error: JsonRpcErrorBody;
}
export type JsonRpcMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResult | JsonRpcError;

/** Codes of JSON-RPC itself and of MCP; the gateway's own codes are positive and live in `errors/catalogue.ts`. */
export const RpcCode = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** Legacy revisions only; never sent to a modern client (mcp 2026-07-28, resources). */
  resourceNotFound: -32002,
  headerMismatch: -32020,
  missingClientCapability: -32021,
  unsupportedProtocolVersion: -32022,
  /** 2025-11-25 only: the call needs a URL elicitation first. */
  urlElicitationRequired: -32042,
} as const;
