import { GatewayError } from "../../../errors/gateway-error.ts";
import type { ServerDefinition } from "../../../model/server.ts";
import { isObject } from "../../../protocol/json-value.ts";
import { RpcCode } from "../../../protocol/jsonrpc.ts";
import { isLegacyRevision, LATEST_LEGACY_REVISION, MODERN_REVISION } from "../../../protocol/revision.ts";
import { legacyCapabilities } from "../capabilities.ts";
import type { Connection, ConnectionRequest } from "../connection.ts";
import { type Initialized, LegacyConnection } from "./legacy-connection.ts";
import { type Discovered, ModernConnection, readDiscover } from "./modern-connection.ts";
import type { Peer } from "./peer.ts";
import type { Answer } from "./pending-request.ts";
import { modernMeta } from "./request-meta.ts";
import type { ChannelContext } from "./settings.ts";

/** One attempt to agree on an era with one server. */
export interface Handshake {
  readonly server: ServerDefinition;
  readonly request: ConnectionRequest;
  readonly context: ChannelContext;
}

/**
 * The server did not get over the probe: it ended, refused `initialize`, or fell silent. A fresh one that never sees the
 * probe may still speak a legacy revision.
 */
export class ProbeUpset extends Error {
  constructor(cause: unknown) {
    super("the server did not recover from server/discover", { cause });
    this.name = "ProbeUpset";
  }
}

const LATE_VERDICT_MS = 2_000;

/** Opens a session by `initialize`. @throws GatewayError as `Upstream.call` */
export async function openLegacy(peer: Peer, shake: Handshake, timeoutMs: number): Promise<Connection> {
  const initialized = readInitialize(shake.server.name, await sendInitialize(peer, shake, timeoutMs).answer);
  return finishLegacy(peer, shake, initialized);
}

/** Speaks 2026-07-28 alone. @throws GatewayError as `Upstream.call` */
export async function openModern(peer: Peer, shake: Handshake, timeoutMs: number): Promise<Connection> {
  const verdict = judge(shake.server.name, await sendDiscover(peer, shake, timeoutMs).answer);
  if (verdict !== "legacy") return finishModern(peer, shake, verdict);
  throw protocolError(shake.server.name, `the server does not speak revision ${MODERN_REVISION}`);
}

/**
 * Finds the era (2026-07-28, basic/versioning): `server/discover` first; a result or a modern error means modern, any other error or
 * silence means `initialize` on the same channel. A slow starter may answer the probe late, so both stay open and the first
 * usable answer decides.
 * @throws ProbeUpset where a fresh process may do better; GatewayError as `Upstream.call`
 */
export async function openEither(peer: Peer, shake: Handshake, timeoutMs: number): Promise<Connection> {
  const { server, context } = shake;
  const started = Date.now();
  const probe = sendDiscover(peer, shake, timeoutMs);
  const verdict = probe.answer.then((answer) => judge(server.name, answer));
  verdict.catch(() => {});
  let first: Discovered | "legacy" | "silent";
  try {
    first = await within(verdict, context.settings.probeTimeoutMs);
  } catch (thrown) {
    const gone = thrown instanceof GatewayError && /^upstream_(lost|unreachable)$/.test(thrown.code);
    throw gone ? new ProbeUpset(thrown) : thrown;
  }
  if (first !== "legacy" && first !== "silent") return finishModern(peer, shake, first);

  // Half of what remains, so that a server struck dumb by the probe can be started afresh within the time.
  const initialize = sendInitialize(peer, shake, (timeoutMs - (Date.now() - started)) / 2);
  const initialized = initialize.answer.then((answer) => readInitialize(server.name, answer));
  try {
    const winner = await Promise.race([
      initialized.catch((thrown) => afterRefusal(thrown, verdict, first === "silent")),
      // A late "legacy" leaves the decision to initialize.
      verdict.then((found) => (found === "legacy" ? initialized : found)).catch(() => initialized),
    ]);
    if ("revision" in winner) {
      peer.drop(probe.id);
      return await finishLegacy(peer, shake, winner);
    }
    initialized.catch(() => {});
    peer.drop(initialize.id);
    return finishModern(peer, shake, winner);
  } catch (thrown) {
    throw new ProbeUpset(thrown);
  }
}

/** A modern server may refuse `initialize` before it gets to the probe that came first. */
async function afterRefusal(
  refusal: unknown,
  verdict: Promise<Discovered | "legacy">,
  probeIsOpen: boolean,
): Promise<Discovered> {
  const found = probeIsOpen ? await within(verdict, LATE_VERDICT_MS) : "silent";
  if (found === "legacy" || found === "silent") throw refusal;
  return found;
}

interface Sent {
  readonly id: number;
  readonly answer: Promise<Answer>;
}

function sendDiscover(peer: Peer, { request, context }: Handshake, timeoutMs: number): Sent {
  const id = peer.takeId();
  const params = { _meta: modernMeta(request.client, context.gatewayInfo) };
  return { id, answer: peer.request(id, "server/discover", params, timeoutMs) };
}

function sendInitialize(peer: Peer, { request, context }: Handshake, timeoutMs: number): Sent {
  const id = peer.takeId();
  const params = {
    protocolVersion: LATEST_LEGACY_REVISION,
    capabilities: legacyCapabilities(request.client.capabilities),
    clientInfo: request.client.info ?? context.gatewayInfo,
  };
  return { id, answer: peer.request(id, "initialize", params, timeoutMs) };
}

function finishModern(peer: Peer, { server, request, context }: Handshake, found: Discovered): Connection {
  peer.channel.negotiated?.(MODERN_REVISION);
  return new ModernConnection(server, peer, request, context, found);
}

async function finishLegacy(peer: Peer, shake: Handshake, initialized: Initialized): Promise<Connection> {
  const { server, request, context } = shake;
  peer.channel.negotiated?.(initialized.revision);
  const connection = new LegacyConnection(server, peer, request, context, initialized);
  await peer.notify("notifications/initialized");
  return connection;
}

/** Modern or legacy, by the answer to the probe. @throws GatewayError for a modern server we have no revision in common with */
function judge(server: string, answer: Answer): Discovered | "legacy" {
  if (answer.kind === "result") {
    const found = readDiscover(answer.result);
    // Some legacy servers answer every method with something.
    if (found === undefined) return "legacy";
    if (found.versions.includes(MODERN_REVISION)) return found;
    return legacyOrNothing(server, found.versions);
  }
  const { code, message, data } = answer.error;
  if (code === RpcCode.unsupportedProtocolVersion && isObject(data) && Array.isArray(data.supported)) {
    return legacyOrNothing(server, data.supported.map(String));
  }
  if (code <= RpcCode.headerMismatch && code >= -32099) {
    throw protocolError(server, `the server answered server/discover with ${code} ${message}`);
  }
  return "legacy";
}

function legacyOrNothing(server: string, versions: readonly string[]): "legacy" {
  if (versions.some(isLegacyRevision)) return "legacy";
  throw protocolError(
    server,
    `no protocol revision in common; the server speaks ${versions.join(", ") || "none"}`,
  );
}

function readInitialize(server: string, answer: Answer): Initialized {
  if (answer.kind === "error") {
    throw protocolError(server, `initialize failed: ${answer.error.code} ${answer.error.message}`);
  }
  const { protocolVersion, capabilities, serverInfo, instructions } = answer.result;
  if (typeof protocolVersion !== "string" || !isLegacyRevision(protocolVersion)) {
    throw protocolError(server, `the server chose the unknown revision ${JSON.stringify(protocolVersion)}`);
  }
  return {
    revision: protocolVersion,
    capabilities: isObject(capabilities) ? capabilities : {},
    serverInfo: isObject(serverInfo) ? serverInfo : undefined,
    instructions: typeof instructions === "string" ? instructions : undefined,
  };
}

function protocolError(server: string, reason: string): GatewayError {
  return new GatewayError("upstream_protocol_error", { server }, { cause: new Error(reason) });
}

async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | "silent"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<"silent">((resolve) => {
    timer = setTimeout(() => resolve("silent"), timeoutMs);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
