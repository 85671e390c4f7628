import { GatewayError } from "../../errors/gateway-error.ts";
import type { InputRequests, InputResponses, UpstreamCall } from "../../model/call.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { SessionListener } from "../../model/ports/upstream.ts";
import type { Sharing } from "../../model/server.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import type { JsonRpcNotification } from "../../protocol/jsonrpc.ts";
import { legacyCapabilities } from "./capabilities.ts";
import type { Connection, ConnectionEvents, ConnectionLoss } from "./connection.ts";
import type { UpstreamCounters } from "./counters.ts";
import { UpstreamFailure } from "./failure.ts";

/** Whose a session is. `everybody` is shared: nothing unattributed may reach anyone. */
export type SessionOwner =
  | { readonly kind: "everybody" }
  | { readonly kind: "principal"; readonly principalId: string }
  | { readonly kind: "session"; readonly principalId: string; readonly sessionId: string };

const EVERYBODY: SessionOwner = { kind: "everybody" };

/** One legacy session in the pool, or being opened for it. */
export class PooledSession {
  readonly key: string;
  readonly owner: SessionOwner;
  connection: Connection | undefined;
  opening: Promise<Connection> | undefined;
  /** Calls under way on it. */
  readonly calls: UpstreamCall[] = [];
  lastUsedAt = 0;

  constructor(key: string, owner: SessionOwner) {
    this.key = key;
    this.owner = owner;
  }
}

export interface PoolSettings {
  readonly server: string;
  readonly sharing: Sharing;
  /** Single-channel sessions cannot tell whose a question is: shared ones declare no capabilities. */
  readonly singleChannel: boolean;
  readonly sessionsMax: number;
  readonly sessionIdleMs: number;
  readonly clock: Clock;
  readonly counters: UpstreamCounters;
  /** Opens a session that declares these capabilities. */
  readonly open: (capabilities: JsonObject, events: ConnectionEvents) => Promise<Connection>;
  /** Resources somebody subscribed to. */
  readonly subscribedUris: () => Iterable<string>;
  /**
   * What is the catalog's business whatever session it came on: `list_changed`, `resources/updated`.
   * @param own it came on the catalog's own session; otherwise `principalId` says whose private one it was
   * @returns whether it was that
   */
  readonly onCatalogNotification: (
    notification: JsonRpcNotification,
    own: boolean,
    principalId: string | undefined,
  ) => boolean;
}

/**
 * The legacy sessions of one server. A session is shared by those who agree in sharing key and capability set (the
 * credential is one per server), so that nobody ever gets another's question, log line or progress.
 */
export class SessionPool {
  readonly #settings: PoolSettings;
  readonly #sessions = new Map<string, PooledSession>();
  readonly #listeners = new Set<SessionListener>();
  /** The catalog's own session, until the first caller whose key fits takes it over. */
  #spare: { readonly capabilityKey: string; readonly connection: Connection } | undefined;
  #adopted: PooledSession | undefined;
  #sweeper: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#sweeper = setInterval(
      () => this.closeIdle(),
      Math.min(30_000, Math.max(10, settings.sessionIdleMs / 4)),
    );
    this.#sweeper.unref?.();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Offers the catalog's session for use; `undefined` takes it back. */
  offer(connection: Connection | undefined, capabilities: JsonObject): void {
    if (this.#adopted) this.#forget(this.#adopted);
    this.#adopted = undefined;
    this.#spare = connection && {
      connection,
      capabilityKey: JSON.stringify(legacyCapabilities(capabilities)),
    };
  }

  /** Events of the catalog's session: they belong to who took it over, if anybody did. */
  readonly spareEvents: Omit<ConnectionEvents, "onLost"> = {
    onNotification: (notification) => this.#deliver(this.#adopted, notification),
    onQuestion: (requests) => this.#question(this.#adopted, requests),
  };

  /**
   * The session for a call, opened if need be.
   * @throws UpstreamFailure as opening does; `upstream_busy` at the limit
   */
  async acquire(call: UpstreamCall): Promise<PooledSession> {
    const settings = this.#settings;
    const owner = ownerOf(call, settings.sharing);
    const bare = settings.singleChannel && settings.sharing === "shared";
    const capabilities = bare ? {} : legacyCapabilities(call.client.capabilities);
    const capabilityKey = JSON.stringify(capabilities);
    const key = `${ownerKey(owner)} ${capabilityKey}`;
    let session = this.#sessions.get(key);
    if (session === undefined)
      session = this.#adopt(key, owner, capabilityKey) ?? this.#add(key, owner, capabilities);
    session.lastUsedAt = settings.clock.now();
    if (session.connection === undefined) await session.opening;
    return session;
  }

  release(session: PooledSession, call: UpstreamCall): void {
    const at = session.calls.indexOf(call);
    if (at >= 0) session.calls.splice(at, 1);
    session.lastUsedAt = this.#settings.clock.now();
  }

  listen(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Subscribes on every private session besides the catalog's own: behind it may be a process of its own, whose resources
   * change by themselves. What such a session refuses is the catalog's session's to report.
   */
  async subscribe(uri: string): Promise<void> {
    await Promise.allSettled(this.#privateConnections().map((connection) => connection.subscribe(uri)));
  }
  unsubscribe(uri: string): void {
    for (const connection of this.#privateConnections()) connection.unsubscribe(uri).catch(() => {});
  }

  rootsChanged({ principalId, sessionId }: Pick<SessionListener, "principalId" | "sessionId">): void {
    for (const { owner, connection } of this.#sessions.values()) {
      if (owner.kind === "everybody" || owner.principalId !== principalId) continue;
      if (owner.kind === "session" && owner.sessionId !== sessionId) continue;
      connection?.notify({ jsonrpc: "2.0", method: "notifications/roots/list_changed" });
    }
  }

  closeIdle(): void {
    const { clock, sessionIdleMs } = this.#settings;
    const before = clock.now() - sessionIdleMs;
    for (const session of [...this.#sessions.values()]) {
      if (session === this.#adopted || session.connection === undefined) continue;
      if (session.calls.length > 0 || session.lastUsedAt > before) continue;
      this.#forget(session);
      void session.connection.close();
    }
  }

  /** @param except stays open: its owner closes it */
  async close(except?: Connection): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    const open = [...this.#sessions.values()].map((session) => session.connection);
    this.#sessions.clear();
    await Promise.allSettled(
      open.map((connection) => (connection === except ? undefined : connection?.close())),
    );
  }

  #adopt(key: string, owner: SessionOwner, capabilityKey: string): PooledSession | undefined {
    const spare = this.#spare;
    if (spare === undefined || spare.capabilityKey !== capabilityKey) return undefined;
    this.#spare = undefined;
    const session = new PooledSession(key, owner);
    session.connection = spare.connection;
    this.#adopted = session;
    this.#sessions.set(key, session);
    // The catalog answered "no roots"; who takes over may have some.
    if (capabilityKey.includes('"roots"')) {
      spare.connection.notify({ jsonrpc: "2.0", method: "notifications/roots/list_changed" });
    }
    return session;
  }

  #add(key: string, owner: SessionOwner, capabilities: JsonObject): PooledSession {
    const { server, sessionsMax, counters, open } = this.#settings;
    if (this.#closed) throw new UpstreamFailure("upstream_lost", { server }, { harmless: true });
    if (this.#sessions.size >= sessionsMax) {
      counters.busy++;
      throw new UpstreamFailure("upstream_busy", { server }, { harmless: true, notRun: true });
    }
    const session = new PooledSession(key, owner);
    this.#sessions.set(key, session);
    const events: ConnectionEvents = {
      onNotification: (notification) => this.#deliver(session, notification),
      onQuestion: (requests) => this.#question(session, requests),
      onLost: (_loss: ConnectionLoss) => this.#forget(session),
    };
    session.opening = open(capabilities, events).then(
      async (connection) => {
        if (owner.kind !== "everybody") {
          const uris = [...this.#settings.subscribedUris()];
          await Promise.allSettled(uris.map((uri) => connection.subscribe(uri)));
        }
        session.connection = connection;
        session.opening = undefined;
        counters.sessionsOpened++;
        if (this.#closed) void connection.close();
        return connection;
      },
      (thrown: unknown) => {
        this.#forget(session);
        throw thrown;
      },
    );
    // Every caller awaits it; this keeps a failure nobody waits for any more from being unhandled.
    session.opening.catch(() => {});
    return session;
  }

  #forget(session: PooledSession): void {
    if (this.#sessions.get(session.key) === session) this.#sessions.delete(session.key);
  }

  #privateConnections(): Connection[] {
    return [...this.#sessions.values()].flatMap((session) =>
      session === this.#adopted || session.owner.kind === "everybody" ? [] : (session.connection ?? []),
    );
  }

  #deliver(session: PooledSession | undefined, notification: JsonRpcNotification): void {
    const own = session === undefined || session === this.#adopted;
    const owner = session?.owner;
    const principalId = owner === undefined || owner.kind === "everybody" ? undefined : owner.principalId;
    if (this.#settings.onCatalogNotification(notification, own, principalId)) return;
    const listeners = this.#listenersOf(session?.owner);
    if (listeners.length === 0) this.#settings.counters.droppedMessages++;
    for (const listener of listeners) listener.notify(notification);
  }

  /** A question outside any call's own stream. In a private session with one call under way it can only be that call's. */
  #question(session: PooledSession | undefined, requests: InputRequests): Promise<InputResponses> {
    const { counters } = this.#settings;
    const methods = Object.values(requests).map(({ method }) => method);
    if (session !== undefined && session.owner.kind !== "everybody") {
      const only = session.calls.length === 1 ? session.calls[0] : undefined;
      if (only !== undefined) return only.ask(requests);
      const listener = this.#listenersOf(session.owner).at(-1);
      if (listener !== undefined) return listener.ask(requests);
    } else if (session === undefined && methods.every((method) => method === "roots/list")) {
      return Promise.resolve(Object.fromEntries(Object.keys(requests).map((key) => [key, { roots: [] }])));
    }
    counters.refusedQuestions++;
    return Promise.reject(new GatewayError("client_cannot_answer", { capability: methods[0] ?? "input" }));
  }

  #listenersOf(owner: SessionOwner | undefined): SessionListener[] {
    if (owner === undefined || owner.kind === "everybody") return [];
    return [...this.#listeners].filter(
      (listener) =>
        listener.principalId === owner.principalId &&
        (owner.kind === "principal" || listener.sessionId === owner.sessionId),
    );
  }
}

/** A modern client has no session of its own: its principal's is the narrowest there is. */
export function ownerOf(call: UpstreamCall, sharing: Sharing): SessionOwner {
  if (sharing === "shared") return EVERYBODY;
  const { principalId } = call;
  const { sessionId } = call.client;
  return sharing === "per_session" && sessionId !== undefined
    ? { kind: "session", principalId, sessionId }
    : { kind: "principal", principalId };
}

function ownerKey(owner: SessionOwner): string {
  switch (owner.kind) {
    case "everybody":
      return "*";
    case "principal":
      return JSON.stringify(["p", owner.principalId]);
    case "session":
      return JSON.stringify(["s", owner.principalId, owner.sessionId]);
  }
}
