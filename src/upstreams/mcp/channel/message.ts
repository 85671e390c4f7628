import { isObject, type JsonObject, type JsonValue } from "../../../protocol/json-value.ts";
import type { JsonRpcErrorBody, JsonRpcNotification } from "../../../protocol/jsonrpc.ts";
import { isErrorBody, notificationOf } from "../message.ts";

/** A parsed message, told apart by its members (JSON-RPC 2.0, sections 4 and 5). */
export type Message =
  | { readonly kind: "result"; readonly id: JsonValue; readonly result: JsonObject }
  | { readonly kind: "error"; readonly id: JsonValue; readonly error: JsonRpcErrorBody }
  | { readonly kind: "request"; readonly id: JsonValue; readonly method: string; readonly params: JsonObject }
  | { readonly kind: "notification"; readonly notification: JsonRpcNotification }
  | { readonly kind: "malformed"; readonly id: JsonValue | undefined; readonly detail: string };

/** Sorts a message; the value itself is never copied. */
export function classify(value: JsonObject): Message {
  const { id, method } = value;
  if (value.jsonrpc !== "2.0") return { kind: "malformed", id, detail: "jsonrpc is not 2.0" };
  if (typeof method === "string") {
    const { params } = value;
    if (params !== undefined && !isObject(params))
      return { kind: "malformed", id: undefined, detail: "params is not an object" };
    if (id === undefined) {
      return { kind: "notification", notification: notificationOf(value) };
    }
    return { kind: "request", id, method, params: params ?? {} };
  }
  if (id === undefined) return { kind: "malformed", id, detail: "neither method nor id" };
  const { result, error } = value;
  if (isObject(result) && error === undefined) return { kind: "result", id, result };
  if (isErrorBody(error) && result === undefined) return { kind: "error", id, error };
  return { kind: "malformed", id, detail: "neither a result object nor an error" };
}
