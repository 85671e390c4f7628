import { GatewayError } from "../../errors/gateway-error.ts";
import type { ListOutcome, Outcome } from "../../model/call.ts";
import type { IncomingHeaders } from "../../model/incoming-request.ts";
import { stringify } from "../../protocol/json.ts";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import { idText, type JsonRpcErrorBody, type RequestId } from "../../protocol/jsonrpc.ts";
import { stripModern } from "../../protocol/legacy/codec.ts";
import { completeError, completeResult, statusOfError } from "../../protocol/modern/codec.ts";
import { PageText } from "./page-text.ts";

/** An answer ready to be sent: HTTP status (where none has been sent yet) and JSON-RPC text. */
export interface Answer {
  readonly status: number;
  readonly text: string | PageText;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export function modernAnswer(
  id: RequestId,
  method: string,
  outcome: Outcome,
  serverInfo: JsonObject,
): Answer {
  switch (outcome.kind) {
    case "result":
      return {
        status: 200,
        text: resultText(id, completeResult(method, outcome.result, serverInfo), outcome.exact),
      };
    case "list":
      return { status: 200, text: modernList(id, outcome, serverInfo) };
    case "error": {
      const error = completeError(outcome.error);
      return { status: statusOfError(error.code), text: errorText(id, error, outcome.exact) };
    }
  }
}

export function legacyAnswer(id: RequestId, outcome: Outcome): Answer {
  switch (outcome.kind) {
    case "result":
      return { status: 200, text: resultText(id, stripModern(outcome.result), outcome.exact) };
    case "list":
      return { status: 200, text: listText(id, outcome, "") };
    case "error":
      return { status: 200, text: errorText(id, outcome.error, outcome.exact) };
  }
}

function resultText(id: RequestId, result: JsonObject, exact: boolean): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"result":${stringify(result, exact)}}`;
}

function errorText(id: RequestId | undefined, error: JsonRpcErrorBody, exact: boolean): string {
  const idMember = id === undefined ? "" : `"id":${idText(id)},`;
  return `{"jsonrpc":"2.0",${idMember}"error":${stringify(error as unknown as JsonValue, exact)}}`;
}

function modernList(id: RequestId, list: ListOutcome, serverInfo: JsonObject): PageText {
  const meta = JSON.stringify({ "io.modelcontextprotocol/serverInfo": serverInfo });
  return listText(
    id,
    list,
    `,"ttlMs":${list.ttlMs},"cacheScope":"${list.cacheScope}","resultType":"complete","_meta":${meta}`,
  );
}

function listText(id: RequestId, list: ListOutcome, members: string): PageText {
  const head = `{"jsonrpc":"2.0","id":${idText(id)},"result":{"${list.key}":[`;
  const tail = `]${cursorMember(list)}${members}}}`;
  return new PageText(head, list.items, tail);
}

function cursorMember(list: ListOutcome): string {
  return list.nextCursor === undefined ? "" : `,"nextCursor":${JSON.stringify(list.nextCursor)}`;
}

/**
 * The gateway's own failure as JSON-RPC. The correlation id is in `data`, so that a caller can quote it; the private
 * cause is in the log alone.
 * @param id of the request; where nobody read it, what {@link unreadId} says
 */
export function failureText(
  id: RequestId | null | undefined,
  thrown: unknown,
  correlationId: string,
): string {
  const error = GatewayError.from(thrown);
  const data = { code: error.code, correlationId, ...error.data };
  const body = `{"code":${error.rpcCode},"message":${JSON.stringify(error.message)},"data":${JSON.stringify(data)}}`;
  const idMember = id === undefined ? "" : `"id":${id === null ? "null" : idText(id)},`;
  return `{"jsonrpc":"2.0",${idMember}"error":${body}}`;
}

/** The first revision whose schema lets an error go without an id; none allows `null`. */
const IDS_OPTIONAL_SINCE = "2025-11-25";

/**
 * What stands for the id of a request that was refused before its body was read, or whose body has none: nothing, for a
 * client that names a revision that allows it; else JSON-RPC's `null` (JSON-RPC 2.0, section 5).
 */
export function unreadId(headers: IncomingHeaders): null | undefined {
  const declared = headers.get("mcp-protocol-version")?.trim() ?? "";
  return declared >= IDS_OPTIONAL_SINCE ? undefined : null;
}
