import { asObject, type JsonObject, type JsonValue } from "../json-value.ts";
import { isRequestId, type JsonRpcErrorBody, type RequestId, RpcCode } from "../jsonrpc.ts";
import { LOG_LEVELS, type LogLevel, Meta } from "../meta.ts";
import { MODERN_REVISION } from "../revision.ts";

/** What a 2026-07-28 request says of its sender, taken out of `_meta`. */
export interface RequestMeta {
  readonly capabilities: JsonObject;
  readonly info: JsonObject | undefined;
  readonly logLevel: LogLevel | undefined;
  readonly progressToken: RequestId | undefined;
  readonly traceparent: JsonValue | undefined;
}

const EDGE_KEYS: ReadonlySet<string> = new Set([
  Meta.protocolVersion,
  Meta.clientInfo,
  Meta.clientCapabilities,
  Meta.logLevel,
  "progressToken",
]);

/** Methods a 2026-07-28 server no longer has (changelog, "Removed"). */
export const REMOVED_METHODS: ReadonlySet<string> = new Set([
  "initialize",
  "ping",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
]);

/** Reads the sender's part of `_meta`; unknown values of optional keys are treated as absent. */
export function readMeta(meta: JsonObject): RequestMeta {
  const token = meta.progressToken;
  return {
    capabilities: meta[Meta.clientCapabilities] as JsonObject,
    info: asObject(meta[Meta.clientInfo]),
    logLevel: logLevelOf(meta[Meta.logLevel]),
    progressToken: isRequestId(token) ? token : undefined,
    traceparent: meta.traceparent,
  };
}

function logLevelOf(level: JsonValue | undefined): LogLevel | undefined {
  return level === undefined ? undefined : LOG_LEVELS.find((known) => known === level);
}

/** The params without what belongs to this hop; other `_meta` members are other people's and stay. */
export function withoutEdgeMeta(params: JsonObject): JsonObject {
  const meta = params._meta;
  if (meta === undefined || meta === null || typeof meta !== "object") return params;
  let kept: JsonObject | undefined;
  for (const key in meta) {
    if (EDGE_KEYS.has(key)) continue;
    kept ??= {};
    kept[key] = (meta as JsonObject)[key];
  }
  if (kept !== undefined) return { ...params, _meta: kept };
  // By name: a rest pattern takes more than twice as long, on every call.
  const rest: JsonObject = {};
  for (const key in params) if (key !== "_meta") rest[key] = params[key];
  return rest;
}

/**
 * Makes a result of any era a 2026-07-28 one, in place: `resultType`, the gateway's `serverInfo`, and on reads the caching
 * members, private because another caller may not be allowed to read the same.
 */
export function completeResult(method: string, result: JsonObject, serverInfo: JsonObject): JsonObject {
  result.resultType ??= "complete";
  const meta = asObject(result._meta);
  result._meta =
    meta === undefined ? { [Meta.serverInfo]: serverInfo } : { ...meta, [Meta.serverInfo]: serverInfo };
  if (method === "resources/read" && result.resultType === "complete") {
    if (typeof result.ttlMs !== "number") result.ttlMs = 0;
    result.cacheScope = "private";
  }
  return result;
}

/** Codes of older revisions that must not be sent to a modern client. */
export function completeError(error: JsonRpcErrorBody): JsonRpcErrorBody {
  return error.code === RpcCode.resourceNotFound ? { ...error, code: RpcCode.invalidParams } : error;
}

/** HTTP status of an error answer (streamable HTTP, "Errors"): only what says something about the request itself. */
export function statusOfError(code: number): number {
  switch (code) {
    case RpcCode.methodNotFound:
      return 404;
    case RpcCode.missingClientCapability:
    case RpcCode.headerMismatch:
    case RpcCode.unsupportedProtocolVersion:
      return 400;
    default:
      return 200;
  }
}

export const SUPPORTED_VERSIONS: readonly string[] = [MODERN_REVISION];
