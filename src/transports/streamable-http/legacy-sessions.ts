import { GatewayError } from "../../errors/gateway-error.ts";
import type { Endpoint } from "../../model/exchange.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { PeerMessage, Peers } from "../../model/ports/peers.ts";
import type { Relay } from "../../model/ports/relay.ts";
import type { Sealer } from "../../model/ports/sealer.ts";
import type { SessionLedger } from "../../model/ports/session-ledger.ts";
import type { Principal } from "../../model/principal.ts";
import type { SessionRecord } from "../../model/session-record.ts";
import { asObject, type JsonObject } from "../../protocol/json-value.ts";
import type { LegacyRevision } from "../../protocol/revision.ts";
import { LegacySession, type SessionIdentity } from "./legacy-session.ts";
import { SessionRow } from "./session-row.ts";
import { SIGNS_AT_ONCE, standingKey } from "./waiting.ts";

const PURPOSE = "legacy-session";
/** Longest sealed id, so that it fits any proxy's header limits. */
const SESSION_ID_CHARS_MAX = 1_024;
const SWEEP_MS = 60_000;

/**
 * The legacy sessions of this process. An id is sealed and says all that never changes, so any process can take up a
 * session it has never seen; what is held here is only what lives in one process.
 */
export class LegacySessions {
  readonly #sessions = new Map<string, LegacySession>();
  /** Sessions whose row is being read: what others tell of them in the meantime is newer than what is read. */
  readonly #restoring = new Map<string, Promise<LegacySession>>();
  readonly #relay: Relay;
  readonly #peers: Peers;
  readonly #sealer: Sealer;
  readonly #ledger: SessionLedger;
  readonly #clock: Clock;
  readonly #sessionsMax: number;
  readonly #sessionsPerPrincipalMax: number;
  readonly #sessionIdleMs: number;
  readonly #sweeper: ReturnType<typeof setInterval>;

  constructor(deps: {
    readonly relay: Relay;
    readonly peers: Peers;
    readonly sealer: Sealer;
    readonly ledger: SessionLedger;
    readonly clock: Clock;
    readonly sessionsMax: number;
    readonly sessionsPerPrincipalMax: number;
    /** Milliseconds after which an unused session ends. */
    readonly sessionIdleMs: number;
  }) {
    this.#relay = deps.relay;
    this.#peers = deps.peers;
    this.#sealer = deps.sealer;
    this.#ledger = deps.ledger;
    this.#clock = deps.clock;
    this.#sessionsMax = deps.sessionsMax;
    this.#sessionsPerPrincipalMax = deps.sessionsPerPrincipalMax;
    this.#sessionIdleMs = deps.sessionIdleMs;
    this.#sweeper = setInterval(() => void this.sweep(), SWEEP_MS);
    this.#sweeper.unref();
    deps.peers.onMessage((message) => this.hear(message));
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Begins a session.
   * @returns its sealed id, and when it stands: other processes would find it. Rejects with `sessions_exhausted`.
   * @throws GatewayError `overloaded`
   */
  open(
    principal: Principal,
    endpoint: Endpoint,
    revision: LegacyRevision,
    params: JsonObject,
  ): { readonly sealedId: string; readonly standing: Promise<void> } {
    this.#makeRoom(principal.id);
    const info = asObject(params.clientInfo);
    let identity: SessionIdentity = {
      id: Bun.randomUUIDv7(),
      principalId: principal.id,
      namespaceId: endpoint.namespaceId,
      serverId: endpoint.server?.id,
      revision,
      capabilities: relayedCapabilities(asObject(params.capabilities) ?? {}),
      info: info === undefined ? undefined : { name: clip(info.name), version: clip(info.version) },
    };
    let sealedId = this.#sealer.seal(PURPOSE, JSON.stringify(identity));
    if (sealedId.length > SESSION_ID_CHARS_MAX) {
      identity = { ...identity, capabilities: bareCapabilities(identity.capabilities), info: undefined };
      sealedId = this.#sealer.seal(PURPOSE, JSON.stringify(identity));
    }
    this.#sessions.set(identity.id, this.#begin(identity, principal, endpoint));
    const standing = this.#ledger.opened(recordOf(identity, principal, endpoint, this.#clock.now()));
    return { sealedId, standing };
  }

  /**
   * The session of a presented id, for this caller at this endpoint only.
   * @throws GatewayError `session_required` without an id, `session_unknown` for anything that is not the caller's live session
   */
  find(
    sealedId: string | null,
    principal: Principal,
    endpoint: Endpoint,
  ): LegacySession | Promise<LegacySession> {
    if (sealedId === null || sealedId === "") throw new GatewayError("session_required");
    const text = this.#sealer.open(PURPOSE, sealedId);
    if (text === undefined) throw new GatewayError("session_unknown");
    const identity = JSON.parse(text) as SessionIdentity;
    const foreign =
      identity.principalId !== principal.id ||
      identity.namespaceId !== endpoint.namespaceId ||
      identity.serverId !== endpoint.server?.id;
    if (foreign) throw new GatewayError("session_unknown");
    const held = this.#sessions.get(identity.id);
    if (held === undefined) return this.#restored(identity, principal, endpoint);
    held.lastActiveAt = this.#clock.now();
    this.#ledger.active(identity.id);
    return held;
  }

  async end(session: LegacySession): Promise<void> {
    const { id } = session.identity;
    this.forget(id);
    await this.#ledger.ended(session.endpoint.organizationId, id);
    await this.#peers.tell({ kind: "session_ended", sessionId: id });
  }

  /** What callers hold open here, for those who take credentials back or change rights. */
  readonly held = {
    /** One of each. */
    principals: (): ReadonlyMap<string, Principal> => {
      const found = new Map<string, Principal>();
      for (const { principal } of this.#sessions.values()) found.set(standingKey(principal), principal);
      return found;
    },
    /** The caller's credential was taken back: its sessions end, their streams with them. */
    end: async (key: string): Promise<void> => {
      const ended = [...this.#sessions.values()].filter(({ principal }) => standingKey(principal) === key);
      await Promise.all(ended.map((session) => this.end(session)));
    },
    /** @param renewed the caller with the rights it has now */
    renew: (key: string, renewed: (principal: Principal) => Principal): void => {
      for (const session of this.#sessions.values()) {
        if (standingKey(session.principal) !== key) continue;
        const principal = renewed(session.principal);
        if (principal !== session.principal) session.renew(principal);
        if (!session.reaches) this.#leave(session);
      }
    },
  };

  /** It has ended elsewhere. */
  forget(sessionId: string): void {
    const session = this.#sessions.get(sessionId);
    this.#sessions.delete(sessionId);
    session?.close("client_cancelled");
  }

  /** Sessions of these whose endpoint is gone, or forbidden to them, hold nothing open any more. */
  recheck(organizations: ReadonlySet<string>): void {
    for (const session of this.#sessions.values())
      if (organizations.has(session.endpoint.organizationId) && !session.reaches) this.#leave(session);
  }

  /** Where the endpoint is permitted again, its id brings the session back. Calls under way end as they were permitted. */
  #leave(session: LegacySession): void {
    if (session.isBusy) session.closeStandalone();
    else this.forget(session.identity.id);
  }

  /** What another process says of a session; those this process does not hold it reads when they are asked for. */
  async hear(message: PeerMessage): Promise<void> {
    if (!("sessionId" in message)) return;
    const { sessionId } = message;
    const restoring = () => this.#restoring.get(sessionId)?.catch(() => undefined);
    const session = this.#sessions.get(sessionId) ?? (await restoring());
    if (session === undefined) return;
    switch (message.kind) {
      case "session_ended":
        return this.forget(sessionId);
      case "session_changed":
        await session.refresh();
        if (session.row.isEnded) this.forget(sessionId);
        return;
      case "request_cancelled":
        session.cancel(message.requestId);
        return;
      case "roots_changed":
        session.rootsChanged();
        return;
      case "session_message":
        session.deliver(message.message, message.droppable);
    }
  }

  close(): void {
    clearInterval(this.#sweeper);
    for (const session of this.#sessions.values()) session.close("shutdown");
    this.#sessions.clear();
  }

  #restored(identity: SessionIdentity, principal: Principal, endpoint: Endpoint): Promise<LegacySession> {
    const { id } = identity;
    const known = this.#restoring.get(id);
    if (known !== undefined) return known;
    const restoring = this.#restore(identity, principal, endpoint).finally(() => this.#restoring.delete(id));
    this.#restoring.set(id, restoring);
    return restoring;
  }

  async #restore(
    identity: SessionIdentity,
    principal: Principal,
    endpoint: Endpoint,
  ): Promise<LegacySession> {
    const session = this.#begin(identity, principal, endpoint);
    try {
      await session.refresh();
      if (session.row.isEnded) throw new GatewayError("session_unknown");
      this.#makeRoom(principal.id);
    } catch (refused) {
      session.close("shutdown");
      throw refused;
    }
    this.#sessions.set(identity.id, session);
    return session;
  }

  #begin(identity: SessionIdentity, principal: Principal, endpoint: Endpoint): LegacySession {
    const row = new SessionRow(this.#ledger, this.#peers, endpoint.organizationId, identity.id);
    const now = this.#clock.now();
    return new LegacySession(identity, principal, endpoint, this.#relay, row, this.#peers.mark, now);
  }

  /** Forgetting an idle session loses nothing: its id brings it back. */
  #makeRoom(principalId: string): void {
    if (this.#sessions.size < Math.min(this.#sessionsMax, this.#sessionsPerPrincipalMax)) return;
    const own = [...this.#sessions.values()].filter((one) => one.identity.principalId === principalId);
    if (own.length >= this.#sessionsPerPrincipalMax) this.#forgetIdle(own);
    else if (this.#sessions.size >= this.#sessionsMax) this.#forgetIdle(this.#sessions.values());
  }

  #forgetIdle(candidates: Iterable<LegacySession>): void {
    for (const session of candidates) {
      if (!session.idle) continue;
      this.#sessions.delete(session.identity.id);
      session.close("shutdown");
      return;
    }
    throw new GatewayError("overloaded");
  }

  /**
   * Once a minute: a sign of life on open streams, and what nobody used here for long is forgotten. It may be in use
   * elsewhere: its row says when it ends.
   */
  async sweep(): Promise<void> {
    const oldest = this.#clock.now() - this.#sessionIdleMs;
    let swept = 0;
    for (const session of this.#sessions.values()) {
      session.sweep();
      if (session.attended) this.#ledger.active(session.identity.id);
      else if (session.lastActiveAt < oldest) this.forget(session.identity.id);
      // Behind its turn: the next one is looked for in what is there then.
      if (++swept % SIGNS_AT_ONCE === 0) await new Promise(setImmediate);
    }
  }
}

function recordOf(
  identity: SessionIdentity,
  { userId }: Principal,
  endpoint: Endpoint,
  now: number,
): SessionRecord {
  const { name, version } = identity.info ?? {};
  return {
    id: identity.id,
    organizationId: endpoint.organizationId,
    namespaceId: endpoint.namespaceId,
    serverId: identity.serverId ?? null,
    status: "active",
    protocol: "streamable-http",
    protocolVersion: identity.revision,
    clientId: name === undefined ? null : `${String(name)} ${String(version)}`.trim(),
    connectionId: null,
    principalId: identity.principalId,
    userId: userId ?? null,
    logLevel: null,
    subscriptions: [],
    upstreamSessions: {},
    startedAt: now,
    lastActivityAt: now,
    endedAt: null,
  };
}

/** Only what the gateway can ask a client for. */
function relayedCapabilities(declared: JsonObject): JsonObject {
  const { elicitation, sampling, roots } = declared;
  return {
    ...(asObject(elicitation) && { elicitation }),
    ...(asObject(sampling) && { sampling }),
    ...(asObject(roots) && { roots }),
  };
}

function bareCapabilities(declared: JsonObject): JsonObject {
  return Object.fromEntries(Object.keys(declared).map((name) => [name, {}]));
}

function clip(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 64) : "";
}
