import { GatewayError } from "../../../errors/gateway-error.ts";
import type { ServerDefinition } from "../../../model/server.ts";
import { openLegacy } from "../channel/handshake.ts";
import { Peer } from "../channel/peer.ts";
import type { ConnectHints } from "../channel/settings.ts";
import type { Connection, ConnectionRequest } from "../connection.ts";
import { SseChannel, type SseContext } from "./sse-channel.ts";

/**
 * Opens a session over HTTP with SSE, the transport of revision 2024-11-05. Reconnecting is the caller's matter.
 * @throws GatewayError `upstream_unreachable`, `upstream_timeout`, `upstream_refused`, `upstream_protocol_error`; the
 * message of its cause is the reason for the operator
 */
export async function connectSse(
  server: ServerDefinition,
  request: ConnectionRequest,
  hints: ConnectHints,
  context: SseContext,
): Promise<Connection> {
  const { connection } = server;
  if (connection.type === "stdio") throw new Error(`server ${server.name} is not reached over HTTP`);
  if (server.protocol === "modern") {
    const cause = new Error("HTTP with SSE carries legacy revisions only; use streamable-http");
    throw new GatewayError("upstream_protocol_error", { server: server.name }, { cause });
  }
  const channel = await SseChannel.connect(server, connection, context);
  const peer = new Peer(server.name, channel, context, hints.counters);
  try {
    return await openLegacy(peer, { server, request, context }, context.settings.controlTimeoutMs);
  } catch (thrown) {
    await peer.close();
    throw GatewayError.from(thrown);
  }
}
