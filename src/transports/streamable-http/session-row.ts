import type { Peers } from "../../model/ports/peers.ts";
import type { SessionLedger, SessionState } from "../../model/ports/session-ledger.ts";
import { LOG_LEVELS, type LogLevel } from "../../protocol/meta.ts";

/**
 * What of a session all processes know alike: its row, read when a process takes the session up and again when another one
 * says that it changed. Whoever changes it writes, tells, and answers its client when those who live have taken note.
 */
export class SessionRow {
  readonly #ledger: SessionLedger;
  readonly #peers: Peers;
  readonly #organizationId: string;
  readonly #sessionId: string;
  #logLevel: LogLevel | undefined;
  #subscriptions = new Set<string>();
  #streamAt: string | undefined;
  #isEnded = false;
  #queue: Promise<void> = Promise.resolve();

  constructor(ledger: SessionLedger, peers: Peers, organizationId: string, sessionId: string) {
    this.#ledger = ledger;
    this.#peers = peers;
    this.#organizationId = organizationId;
    this.#sessionId = sessionId;
  }

  get logLevel(): LogLevel | undefined {
    return this.#logLevel;
  }
  /** Resource URIs the client wants to hear of. */
  get subscriptions(): ReadonlySet<string> {
    return this.#subscriptions;
  }
  /** The other process that holds the session's own stream; `undefined` where this one does or nobody is known to. */
  get streamAt(): string | undefined {
    return this.#streamAt;
  }
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** @throws GatewayError `store_unavailable` */
  read(): Promise<void> {
    return this.#inTurn(async () => {
      const state = await this.#ledger.find(this.#organizationId, this.#sessionId);
      if (state !== undefined) this.#take(state);
    });
  }

  setLogLevel(logLevel: LogLevel): Promise<void> {
    return this.#change(async () => {
      await this.#ledger.change(this.#organizationId, this.#sessionId, { logLevel });
      this.#logLevel = logLevel;
    });
  }

  subscribe(uri: string, isSubscribed: boolean): Promise<void> {
    return this.#change(async () => {
      await this.#ledger.subscribe(this.#organizationId, this.#sessionId, uri, isSubscribed);
      if (isSubscribed) this.#subscriptions.add(uri);
      else this.#subscriptions.delete(uri);
    });
  }

  /** This process holds the session's own stream from now on. */
  takeStream(): Promise<void> {
    return this.#change(async () => {
      await this.#ledger.change(this.#organizationId, this.#sessionId, { streamAt: this.#peers.id });
      this.#streamAt = undefined;
    });
  }

  /** Hands a message to the process that holds the session's own stream. False where none is known to live. */
  sendToStream(message: string, droppable: boolean): boolean {
    if (this.#streamAt === undefined || !this.#peers.lives(this.#streamAt)) return false;
    const kind = "session_message";
    void this.#peers.tell({ kind, sessionId: this.#sessionId, message, droppable }, this.#streamAt);
    return true;
  }

  async #change(write: () => Promise<void>): Promise<void> {
    await this.#inTurn(write);
    await this.#peers.tell({ kind: "session_changed", sessionId: this.#sessionId });
  }

  /** Readings and writings one after the other: what was read before a change never comes after it. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#queue.then(act);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  #take({ isEnded, logLevel, subscriptions, streamAt }: SessionState): void {
    this.#isEnded = isEnded;
    this.#logLevel = LOG_LEVELS.find((known) => known === logLevel);
    this.#subscriptions = new Set(subscriptions);
    this.#streamAt = streamAt === null || streamAt === this.#peers.id ? undefined : streamAt;
  }
}
