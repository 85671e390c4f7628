import { GatewayError } from "../../errors/gateway-error.ts";
import type { ClientContext, Outcome, UpstreamCall } from "../../model/call.ts";
import { DEFAULT_JSON_LIMITS, type JsonLimits, parseGuarded, quote, stringify } from "../../protocol/json.ts";
import { isObject, type JsonObject, type JsonValue } from "../../protocol/json-value.ts";
import type { JsonRpcErrorBody, JsonRpcNotification, RequestId } from "../../protocol/jsonrpc.ts";
import { LOG_LEVELS, type LogLevel } from "../../protocol/meta.ts";
import { UpstreamFailure } from "./failure.ts";

/** Lists are read looser: one definition nested too deep is left out alone, not with its whole page. */
const LIST_LIMITS: JsonLimits = { ...DEFAULT_JSON_LIMITS, depthMax: 512 };

/**
 * A request as text. The parameters are copied member by member and our `_meta` members put in front of the client's,
 * so the parameters are neither changed nor cloned.
 * @param meta `"key":value` members, comma separated, or empty
 */
export function requestText(id: RequestId, call: UpstreamCall, meta: string): string {
  const { params, exact, argumentsText } = call;
  let members = "";
  let theirs = "";
  for (const key in params) {
    const value = params[key];
    if (value === undefined) continue;
    if (key === "_meta") {
      const text = stringify(value, exact);
      if (text.length > 2 && isObject(value)) theirs = text.slice(1, -1);
      continue;
    }
    // Whatever cuts a text that is being joined has it copied: the comma comes first.
    if (members !== "") members += ",";
    if (key === "arguments" && argumentsText?.value === value) members += `"arguments":${argumentsText.text}`;
    else members += `${quote(key)}:${typeof value === "string" ? quote(value) : stringify(value, exact)}`;
  }
  const joined = meta !== "" && theirs !== "" ? `${meta},${theirs}` : meta + theirs;
  if (joined !== "") members += `${members === "" ? "" : ","}"_meta":{${joined}}`;
  return `{"jsonrpc":"2.0","id":${typeof id === "number" ? id : JSON.stringify(id)},"method":${quote(call.method)},"params":{${members}}}`;
}

export interface IncomingMessage {
  readonly value: JsonObject;
  readonly exact: boolean;
}

/**
 * One message of a server.
 * @throws UpstreamFailure `upstream_protocol_error`
 */
export function readMessage(text: string, server: string, method: string): IncomingMessage {
  const { value, exact } = parsed(text, server, method);
  if (isObject(value)) return { value, exact };
  throw new UpstreamFailure("upstream_protocol_error", { server });
}

/** As `readMessage`; 2025-03-26 servers may answer with a batch. */
export function readMessages(text: string, server: string, method: string): IncomingMessage[] {
  const { value, exact } = parsed(text, server, method);
  const values = Array.isArray(value) ? value : [value];
  return values.map((message) => {
    if (!isObject(message)) throw new UpstreamFailure("upstream_protocol_error", { server });
    return { value: message, exact };
  });
}

function parsed(text: string, server: string, method: string): { value: JsonValue; exact: boolean } {
  try {
    return parseGuarded(text, method.endsWith("/list") ? LIST_LIMITS : DEFAULT_JSON_LIMITS);
  } catch (cause) {
    return listAnyway(text, server, method, cause);
  }
}

/** A list page the guard refuses is read without it: its definitions are then judged one by one. */
function listAnyway(
  text: string,
  server: string,
  method: string,
  cause: unknown,
): { value: JsonValue; exact: boolean } {
  const failure = new UpstreamFailure("upstream_protocol_error", { server }, { cause });
  if (!method.endsWith("/list") || !(cause instanceof GatewayError) || cause.code !== "invalid_request")
    throw failure;
  try {
    return { value: JSON.parse(text) as JsonValue, exact: false };
  } catch {
    throw failure;
  }
}

/** The outcome a response message stands for, or `undefined` where it is no response. */
export function outcomeOf(message: IncomingMessage, bytes: number): Outcome | undefined {
  const { result, error } = message.value;
  if (isObject(result)) return { kind: "result", result, exact: message.exact, bytes };
  if (isErrorBody(error)) return { kind: "error", error, exact: message.exact };
  return undefined;
}

export function isErrorBody(value: JsonValue | undefined): value is JsonObject & JsonRpcErrorBody {
  return isObject(value) && typeof value.code === "number" && typeof value.message === "string";
}

/** `notifications/progress` as the client's side takes it: without the token, which was ours. */
export function withoutToken(params: JsonObject): JsonRpcNotification {
  const { progressToken: _, ...rest } = params;
  return { jsonrpc: "2.0", method: "notifications/progress", params: rest };
}

/** Whether a log message is severe enough for who asked for `wanted` and worse. */
export function passesLevel(params: JsonObject | undefined, wanted: LogLevel): boolean {
  const level = LOG_LEVELS.indexOf(params?.level as LogLevel);
  return level < 0 || level >= LOG_LEVELS.indexOf(wanted);
}

/** Whether a log message goes to this client: modern ones ask for a level, of legacy ones silence means any. */
export function wantsLog(client: ClientContext, params: JsonObject | undefined): boolean {
  if (client.logLevel === undefined) return client.era === "legacy";
  return passesLevel(params, client.logLevel);
}

export function notificationOf(value: JsonObject): JsonRpcNotification {
  const method = value.method as string;
  return isObject(value.params)
    ? { jsonrpc: "2.0", method, params: value.params }
    : { jsonrpc: "2.0", method };
}

/** The JSON-RPC error in the body of a refusal, if there is one. */
export function errorMessage(text: string, server: string, method: string): IncomingMessage | undefined {
  try {
    const message = readMessage(text, server, method);
    return isErrorBody(message.value.error) ? message : undefined;
  } catch {
    return undefined;
  }
}
