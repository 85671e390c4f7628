import { GatewayError } from "../../../errors/gateway-error.ts";
import type { ChildHost } from "../../../model/ports/child-host.ts";
import type { ServerDefinition } from "../../../model/server.ts";
import { type Handshake, openEither, openLegacy, openModern, ProbeUpset } from "../channel/handshake.ts";
import { Peer } from "../channel/peer.ts";
import type { ChannelContext, ConnectHints } from "../channel/settings.ts";
import type { Connection, ConnectionRequest } from "../connection.ts";
import { StdioChannel } from "./stdio-channel.ts";

export interface StdioContext extends ChannelContext {
  readonly childHost: ChildHost;
}

/**
 * Starts a server's process and agrees on an era with it (2026-07-28, basic/versioning). A process that does not get over
 * the probe is replaced once by one that never sees it.
 * @throws GatewayError `upstream_unreachable`, `upstream_timeout`, `upstream_protocol_error`; the message of its cause is
 * the reason for the operator
 */
export async function connectStdio(
  server: ServerDefinition,
  request: ConnectionRequest,
  hints: ConnectHints,
  context: StdioContext,
): Promise<Connection> {
  const until = Date.now() + context.settings.connectTimeoutMs;
  const era = server.protocol === "auto" && hints.era === "legacy" ? "legacy" : server.protocol;
  try {
    return await attempt(server, request, era, hints, context, until);
  } catch (thrown) {
    if (!(thrown instanceof ProbeUpset)) throw thrown;
    context.log.debug(
      { server: server.name, reason: String(thrown.cause) },
      "server did not survive the probe; starting it as legacy",
    );
    return attempt(server, request, "legacy", hints, context, until);
  }
}

const EXIT_KNOWN_MS = 500;
const OPEN = { auto: openEither, modern: openModern, legacy: openLegacy } as const;

async function attempt(
  server: ServerDefinition,
  request: ConnectionRequest,
  era: keyof typeof OPEN,
  { counters }: ConnectHints,
  context: StdioContext,
  until: number,
): Promise<Connection> {
  const { connection } = server;
  if (connection.type !== "stdio") throw new Error(`server ${server.name} is not a stdio server`);
  const channel = new StdioChannel(server, connection, context.childHost, context.settings);
  const peer = new Peer(server.name, channel, context, counters);
  const shake: Handshake = { server, request, context };
  try {
    return await OPEN[era](peer, shake, Math.max(1, until - Date.now()));
  } catch (thrown) {
    const failure =
      thrown instanceof ProbeUpset ? thrown : await explained(server.name, thrown, channel, peer);
    const closed = peer.close();
    // The next attempt may need what this process holds; an error need not wait until it is gone.
    if (thrown instanceof ProbeUpset) await closed;
    throw failure;
  }
}

/** A process lost during the handshake was never reached; every failure tells what the process said. */
async function explained(
  server: string,
  thrown: unknown,
  channel: StdioChannel,
  peer: Peer,
): Promise<GatewayError> {
  const error = GatewayError.from(thrown);
  if (error.code === "upstream_lost" || error.code === "upstream_unreachable") {
    // A write may fail before the exit that explains it is known.
    for (let waited = 0; peer.loss === undefined && waited < EXIT_KNOWN_MS; waited += 20) await Bun.sleep(20);
  }
  if (peer.loss !== undefined) {
    return new GatewayError("upstream_unreachable", { server }, { cause: new Error(peer.loss.reason) });
  }
  if (error.code !== "upstream_timeout" && error.code !== "upstream_protocol_error") return error;
  // Before close: what it wrote to stderr belongs to the reason.
  const reason = error.cause instanceof Error ? error.cause.message : error.message;
  error.cause = new Error(channel.explain(reason));
  return error;
}
