import { GatewayError } from "../errors/gateway-error.ts";
import type { Log } from "../model/ports/log.ts";
import type { ForwardedRequest, PeerMessage, Peers } from "../model/ports/peers.ts";
import type { Sealer } from "../model/ports/sealer.ts";
import type { PeerRecord, PeerRows } from "../model/ports/store.ts";
import { PeerDirectory } from "./directory.ts";
import { encodeForwarded } from "./envelope.ts";
import { type Act, PeerLine } from "./line.ts";
import { Marks, newPeerId } from "./mark.ts";
import { Outbox } from "./outbox.ts";
import type { PeerKey } from "./signature.ts";
import { trackedBody } from "./tracked-body.ts";

/** Longest wait for others to take note of a message. */
const TELL_MS_MAX = 1_000;
/** Forwarded requests whose answers have not ended. */
const FORWARDS_MAX = 1_000;

export interface PeerAnswer {
  readonly id: string;
  readonly text: string;
}

export interface ClusterOptions {
  readonly rows: PeerRows;
  readonly sealer: Sealer;
  readonly key: PeerKey;
  readonly replica: string;
  /** `cluster.advertise_url`. */
  readonly address: string | undefined;
  readonly socketPath: string | undefined;
  readonly log: Log;
  /** Longest wait for the head of a forwarded request's answer. */
  readonly answerMsMax: number;
}

/** This process among those that share its store. */
export class Cluster implements Peers {
  readonly id = newPeerId();
  readonly directory: PeerDirectory;
  readonly line: PeerLine;
  readonly #options: ClusterOptions;
  readonly #marks: Marks;
  readonly #outboxes = new Map<string, Outbox>();
  readonly #listeners = new Set<(message: PeerMessage) => void | Promise<void>>();
  /** What ends the forwarded requests of each process. */
  readonly #forwards = new Map<string, Set<AbortController>>();
  readonly counts = { forwarded: 0, forwarding: 0, lost: 0, told: 0 };
  /** Forwarded requests that are calls: an end waits for them, as for calls of its own. */
  callsForwarded = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#marks = new Marks(options.sealer, this.id);
    this.line = new PeerLine(options.key, options.replica);
    const self: PeerRecord = {
      id: this.id,
      replica: options.replica,
      address: options.address ?? null,
      socketPath: options.socketPath ?? null,
    };
    this.directory = new PeerDirectory(options.rows, self, options.log, (id) => this.#gone(id));
  }

  get mark(): string {
    return this.#marks.own;
  }
  ownerOf(mark: string): string | undefined {
    return this.#marks.ownerOf(mark);
  }
  lives(peerId: string): boolean {
    return peerId === this.id || this.directory.find(peerId) !== undefined;
  }

  /** Asks the store; false where it is away. */
  async hasOtherReplicas(): Promise<boolean> {
    await this.directory.read();
    return this.directory.others.some(({ replica }) => replica !== this.#options.replica);
  }

  /** Tells the store and the others that this process is there. Call it when the others can reach it. */
  async start(): Promise<void> {
    await this.directory.start();
    await this.tell({ kind: "began", peerId: this.id });
  }

  async forward(ownerId: string, request: ForwardedRequest): Promise<Response | undefined> {
    const peer = await this.directory.lookUp(ownerId);
    if (peer === undefined) return this.#lost(ownerId, "it is gone");
    if (this.counts.forwarding >= FORWARDS_MAX) throw new GatewayError("overloaded");
    const end = new AbortController();
    const giveUp = (): void => end.abort();
    const timer = setTimeout(giveUp, this.#options.answerMsMax);
    const release = this.#hold(ownerId, end, request.method === "POST");
    if (request.signal.aborted) giveUp();
    request.signal.addEventListener("abort", giveUp, { once: true });
    const answer = await this.line.send(peer, "forward", encodeForwarded(request), end.signal);
    clearTimeout(timer);
    if (answer === undefined) {
      release();
      return this.#lost(ownerId, this.line.canReach(peer) ? "it did not answer" : "it has no address");
    }
    this.counts.forwarded++;
    return new Response(trackedBody(answer, release), { status: answer.status, headers: answer.headers });
  }

  async tell(message: PeerMessage, peerId?: string): Promise<void> {
    const peers = peerId === undefined ? this.directory.others : [this.directory.find(peerId)];
    const taken = peers.map((peer) => peer && this.#outboxOf(peer).put(message));
    if (taken.length > 0) await Promise.all(taken);
  }

  onMessage(listener: (message: PeerMessage) => void | Promise<void>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What another process told; resolves when everybody here has taken note. */
  async hear(messages: readonly PeerMessage[]): Promise<void> {
    const heard = messages.flatMap((message) => {
      if (message.kind === "began") return [this.directory.read()];
      return [...this.#listeners].map(async (listener) => listener(message));
    });
    for (const outcome of await Promise.allSettled(heard)) {
      if (outcome.status === "rejected")
        this.#options.log.warn({ err: outcome.reason }, "what another process told could not be followed");
    }
  }

  /** The answers of the others of this replica to one question; who does not answer in time is left out. */
  askSiblings(act: Act, waitMs: number): Promise<readonly PeerAnswer[]> {
    const siblings = this.directory.others.filter(({ replica }) => replica === this.#options.replica);
    return this.#ask(siblings, act, "", waitMs);
  }

  /** Of all others that can be reached. */
  ask(act: Act, body: string, waitMs: number): Promise<readonly PeerAnswer[]> {
    return this.#ask(this.directory.others, act, body, waitMs);
  }

  async #ask(
    peers: readonly PeerRecord[],
    act: Act,
    body: string,
    waitMs: number,
  ): Promise<readonly PeerAnswer[]> {
    const answers = await Promise.all(
      peers.map(async (peer) => {
        const answer = await this.line.send(peer, act, body, AbortSignal.timeout(waitMs));
        const text = answer?.ok ? await answer.text().catch(() => undefined) : undefined;
        return text === undefined ? [] : [{ id: peer.id, text }];
      }),
    );
    return answers.flat();
  }

  endForwards(): void {
    for (const held of [...this.#forwards.values()]) for (const end of held) end.abort();
  }

  /** Takes this process off the list. */
  async stop(): Promise<void> {
    this.endForwards();
    await this.directory.stop();
  }

  #hold(ownerId: string, end: AbortController, isCall: boolean): () => void {
    const held = this.#forwards.get(ownerId) ?? new Set();
    this.#forwards.set(ownerId, held.add(end));
    this.counts.forwarding++;
    if (isCall) this.callsForwarded++;
    return () => {
      if (!held.delete(end)) return;
      this.counts.forwarding--;
      if (isCall) this.callsForwarded--;
      if (held.size === 0 && this.#forwards.get(ownerId) === held) this.#forwards.delete(ownerId);
    };
  }

  #outboxOf(peer: PeerRecord): Outbox {
    let outbox = this.#outboxes.get(peer.id);
    if (outbox === undefined) {
      outbox = new Outbox(async (messages) => {
        this.counts.told += messages.length;
        const answer = await this.line.send(
          peer,
          "tell",
          JSON.stringify(messages),
          AbortSignal.timeout(TELL_MS_MAX),
        );
        await answer?.body?.cancel();
      });
      this.#outboxes.set(peer.id, outbox);
    }
    return outbox;
  }

  #lost(ownerId: string, reason: string): undefined {
    this.counts.lost++;
    this.#options.log.info({ owner: ownerId, reason }, "a request could not be handed to its owner");
    return undefined;
  }

  #gone(id: string): void {
    this.#outboxes.delete(id);
    const held = this.#forwards.get(id);
    this.#forwards.delete(id);
    for (const end of held ?? []) end.abort();
  }
}
