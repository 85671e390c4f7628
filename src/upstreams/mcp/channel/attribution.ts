import type { UpstreamCall } from "../../../model/call.ts";
import type { JsonRpcNotification } from "../../../protocol/jsonrpc.ts";
import { passesLevel, withoutToken } from "../message.ts";
import type { Peer } from "./peer.ts";
import type { PendingRequest } from "./pending-request.ts";

/** The call under way, if there is exactly one. */
export function onlyCall(peer: Peer): PendingRequest | undefined {
  let found: PendingRequest | undefined;
  for (const pending of peer.pending()) {
    if (pending.call === undefined) continue;
    if (found !== undefined) return undefined;
    found = pending;
  }
  return found;
}

/** Gives progress to the call whose token it carries; without one it belongs to nobody and is dropped. */
export function deliverProgress(peer: Peer, notification: JsonRpcNotification): void {
  const params = notification.params ?? {};
  const call = peer.find(params.progressToken)?.call;
  if (call?.wantsProgress) call.notify(withoutToken(params));
  else peer.ignore();
}

/** Modern clients ask per request and get nothing unasked; legacy ones without a level leave it to the server. */
export function wantsLog(call: UpstreamCall, notification: JsonRpcNotification): boolean {
  const { logLevel, era } = call.client;
  return logLevel === undefined ? era === "legacy" : passesLevel(notification.params, logLevel);
}
