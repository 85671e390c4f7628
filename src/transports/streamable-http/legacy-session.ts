import { GatewayError } from "../../errors/gateway-error.ts";
import type { InputRequests, InputResponses } from "../../model/call.ts";
import type { Cancellation } from "../../model/cancellation.ts";
import type { Endpoint } from "../../model/exchange.ts";
import type { Relay, SessionAttachment, Subscriber, Subscription } from "../../model/ports/relay.ts";
import type { Principal } from "../../model/principal.ts";
import { stringifyExact } from "../../protocol/json-exact.ts";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import type { JsonRpcErrorBody, RequestId } from "../../protocol/jsonrpc.ts";
import type { LegacyRevision } from "../../protocol/revision.ts";
import { type SendMessage, SessionQuestions } from "./session-questions.ts";
import type { SessionRow } from "./session-row.ts";
import { SessionStream } from "./session-stream.ts";
import { SessionSubscriptions } from "./session-subscriptions.ts";

/** How long an ended stream can still be resumed. */
const ENDED_STREAM_LIFE_MS = 60_000;
const STREAMS_MAX = 64;

/** What never changes about a session; sealed into its id. */
export interface SessionIdentity {
  readonly id: string;
  readonly principalId: string;
  readonly namespaceId: string;
  readonly serverId: string | undefined;
  readonly revision: LegacyRevision;
  readonly capabilities: JsonObject;
  readonly info: JsonObject | undefined;
}

/** One legacy client's session in this process: its streams, the calls under way, the questions waiting for an answer. */
export class LegacySession {
  readonly identity: SessionIdentity;
  readonly endpoint: Endpoint;
  readonly row: SessionRow;
  lastActiveAt: number;
  /** Few at a time, and not a `Map`: see `Roster`. */
  readonly #calls: { readonly requestId: string; readonly cancellation: Cancellation }[] = [];
  readonly #subscriptions: SessionSubscriptions;
  readonly #mark: string;
  readonly #streams = new Map<number, SessionStream>();
  readonly #questions: SessionQuestions;
  readonly #relay: Relay;
  #principal: Principal;
  #standalone: SessionStream | undefined;
  #unreadAtSweep = false;
  #changes: Subscription | undefined;
  #attachment: SessionAttachment | undefined;
  #isClosed = false;
  readonly #forgetting = new Set<ReturnType<typeof setTimeout>>();
  #nextStream = 1;

  constructor(
    identity: SessionIdentity,
    principal: Principal,
    endpoint: Endpoint,
    relay: Relay,
    row: SessionRow,
    mark: string,
    now: number,
  ) {
    this.identity = identity;
    this.#principal = principal;
    this.endpoint = endpoint;
    this.#relay = relay;
    this.#mark = mark;
    this.row = row;
    this.lastActiveAt = now;
    this.#questions = new SessionQuestions(mark, identity.capabilities);
    this.#subscriptions = new SessionSubscriptions(
      relay,
      this.#subscriber(),
      row,
      () => this.#standalone !== undefined,
    );
  }

  get principal(): Principal {
    return this.#principal;
  }

  /** The same caller, with the rights it has now. */
  renew(principal: Principal): void {
    this.#principal = principal;
    this.#attachment?.rightsChanged();
    this.#changes?.rightsChanged();
    this.#subscriptions.rightsChanged();
  }

  /** Tells the servers it has sessions with from here. */
  rootsChanged(): void {
    const { principal, endpoint } = this;
    this.#relay.rootsChanged({ principal, endpoint, sessionId: this.identity.id });
  }

  /** Its endpoint is there still, and its caller may use it. */
  get reaches(): boolean {
    return this.#relay.reaches(this.#principal, this.endpoint);
  }

  /** Nothing that would be lost if this process forgot the session: its id alone restores it. */
  get idle(): boolean {
    return this.#calls.length === 0 && this.#streams.size === 0 && this.#subscriptions.size === 0;
  }

  /** Somebody waits for something of this session. */
  get attended(): boolean {
    return this.#calls.length > 0 || this.#standalone !== undefined;
  }

  /** Calls are under way. */
  get isBusy(): boolean {
    return this.#calls.length > 0;
  }

  /** For one call or the session itself; `undefined` where too many are open. */
  openStream(): SessionStream | undefined {
    if (this.#streams.size >= STREAMS_MAX && !this.#forgetEndedStream()) return undefined;
    const id = this.#nextStream++;
    const { revision } = this.identity;
    const [numbered, primed] = [revision !== "2024-11-05", revision === "2025-11-25"];
    const stream = new SessionStream(id, this.#mark, numbered, primed, () => this.#forgetLater(id));
    this.#streams.set(id, stream);
    return stream;
  }

  /** An ended session has nobody to come back to its streams, and shall not be held by them. */
  #forgetLater(streamId: number): void {
    if (this.#isClosed) return;
    const timer = setTimeout(() => {
      this.#forgetting.delete(timer);
      this.#streams.delete(streamId);
    }, ENDED_STREAM_LIFE_MS);
    timer.unref();
    this.#forgetting.add(timer);
  }

  /** The oldest of those kept for a client that may come back makes room for one that is read now. */
  #forgetEndedStream(): boolean {
    for (const [id, stream] of this.#streams) {
      if (stream.ended) return this.#streams.delete(id);
    }
    return false;
  }

  stream(id: number): SessionStream | undefined {
    return this.#streams.get(id);
  }

  /**
   * The stream for what belongs to no call; opening it makes the session hear of changes.
   * @throws GatewayError `session_unknown` where the session ended meanwhile, `overloaded`
   */
  async openStandalone(): Promise<SessionStream> {
    if (this.#isClosed) throw new GatewayError("session_unknown");
    const former = this.#standalone;
    const stream = this.openStream();
    if (stream === undefined) throw new GatewayError("overloaded");
    this.#standalone = stream;
    if (former !== undefined) {
      former.close();
      return stream;
    }
    const attachment = this.#attach();
    // This one alone forgets: another would forget what this one was told.
    const subscriber = Object.assign(this.#subscriber(), {
      rightsChanged: () => this.#standalone?.forgetDroppable(),
    });
    const changes = await this.#relay.subscribe(subscriber, {
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: true,
    });
    // Released meanwhile: the session ended, its endpoint was forbidden, or the stream was opened elsewhere.
    if (this.#attachment !== attachment) changes.release();
    else {
      this.#changes = changes;
      await this.row.takeStream();
      await this.#subscriptions.follow();
    }
    if (this.#isClosed) throw new GatewayError("session_unknown");
    return stream;
  }

  /** Hears what its servers say outside any call, for the stream here or in another process. */
  #attach(): SessionAttachment {
    this.#attachment ??= this.#relay.attachSession(
      Object.assign(this.#subscriber(), {
        sessionId: this.identity.id,
        ask: (requests: InputRequests) =>
          this.ask(requests, (message) => this.sendOutsideCall(message, false)),
      }),
    );
    return this.#attachment;
  }

  #subscriber(): Subscriber {
    const principal = () => this.#principal;
    return {
      get principal() {
        return principal();
      },
      endpoint: this.endpoint,
      notify: (notification) => {
        this.sendOutsideCall(stringifyExact(notification as unknown as JsonValue), true);
      },
    };
  }

  /** @throws GatewayError `call_cancelled` where the session ended meanwhile, `resource_unknown` */
  async subscribe(uri: string): Promise<void> {
    const isHeld = !this.#isClosed && (await this.#subscriptions.add(uri));
    if (this.#isClosed) throw new GatewayError("call_cancelled");
    if (!isHeld) throw new GatewayError("resource_unknown", { uri }, { data: { uri } });
  }
  unsubscribe(uri: string): Promise<void> {
    return this.#subscriptions.remove(uri);
  }

  /** Takes on what another process changed. */
  async refresh(): Promise<void> {
    await this.row.read();
    if (this.#isClosed) return;
    if (this.row.streamAt !== undefined) {
      const moved = this.#standalone;
      if (moved !== undefined) this.#releaseStandalone();
      moved?.close();
      this.#attach();
    }
    await this.#subscriptions.follow();
  }

  /** On the session's own stream, wherever it is. False where nobody reads it. */
  sendOutsideCall(message: string, droppable: boolean): boolean {
    if (this.#standalone === undefined) return this.row.sendToStream(message, droppable);
    return this.deliver(message, droppable);
  }

  /** The same, here alone. */
  deliver(message: string, droppable: boolean): boolean {
    if (this.#standalone === undefined || !(droppable || this.#standalone.attached)) return false;
    this.#standalone.write(message, { droppable });
    return true;
  }

  /**
   * Puts each question to the client as a request of ours on the given stream and waits for all the answers.
   * @throws GatewayError `client_cannot_answer`; `client_refused` with the client's own error as `data.error`
   */
  ask(requests: InputRequests, send: SendMessage, call?: Cancellation): Promise<InputResponses> {
    return this.#questions.ask(requests, send, call);
  }

  /** A call begins. @param requestId the id's text */
  begin(requestId: string, cancellation: Cancellation): void {
    this.#calls.push({ requestId, cancellation });
  }
  isUnderWay(requestId: string): boolean {
    return this.#calls.some((call) => call.requestId === requestId);
  }

  /** A call has ended: whatever of it the client was asked is withdrawn. */
  ended(requestId: string, call: Cancellation): void {
    const at = this.#calls.findIndex((known) => known.requestId === requestId);
    if (at >= 0) this.#calls.splice(at, 1);
    if (this.#questions.size > 0) this.#questions.end(call);
  }

  /** False where no request of that id (its text) is under way here. */
  cancel(requestId: string): boolean {
    const call = this.#calls.find((known) => known.requestId === requestId);
    call?.cancellation.cancel("client_cancelled");
    return call !== undefined;
  }

  /** An answer of the client to a question of ours; unknown ids are ignored, they may be late. */
  answer(id: RequestId, result: JsonValue | undefined, error: JsonRpcErrorBody | undefined): void {
    this.#questions.answer(id, result, error);
  }

  /**
   * Called once a minute. A stream that nobody read at two of these has a reader that will not come back: it ends, or the
   * sessions of clients that just went away would be held forever.
   */
  sweep(): void {
    const stream = this.#standalone;
    stream?.keepAlive();
    const unread = stream !== undefined && !stream.attached;
    if (unread && this.#unreadAtSweep) this.closeStandalone();
    this.#unreadAtSweep = unread;
  }

  /** Nothing is heard any more but by calls under way. */
  closeStandalone(): void {
    const stream = this.#standalone;
    this.#releaseStandalone();
    this.#subscriptions.release();
    stream?.forgetDroppable();
    stream?.close();
  }

  /** Ends everything the session holds in this process. */
  close(reason: "client_cancelled" | "shutdown"): void {
    this.#isClosed = true;
    for (const timer of this.#forgetting) clearTimeout(timer);
    this.#forgetting.clear();
    this.#releaseStandalone();
    this.#subscriptions.release();
    this.#questions.close();
    for (const { cancellation } of [...this.#calls]) cancellation.cancel(reason);
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
  }

  #releaseStandalone(): void {
    this.#changes?.release();
    this.#changes = undefined;
    this.#attachment?.release();
    this.#attachment = undefined;
    this.#standalone = undefined;
  }
}
