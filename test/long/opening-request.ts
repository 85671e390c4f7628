import { bodyOf, headersFor } from "../faults/load.ts";

export type Era = "modern" | "legacy";

/** The POST that opens something lasting: a subscription of 2026-07-28, or a session of an older revision. */
export function openingRequest(
  era: Era,
  key: string,
): { readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  if (era === "modern")
    return {
      headers: headersFor("subscriptions/listen", undefined, key),
      body: bodyOf("subscriptions/listen", { notifications: { toolsListChanged: true } }),
    };
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "holder", version: "1" },
  };
  return {
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${key}`,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params }),
  };
}
