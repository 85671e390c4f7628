import { GatewayError } from "../../errors/gateway-error.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import type { Era } from "../../protocol/revision.ts";
import type { Outcome, UpstreamCall } from "../call.ts";
import type { ServerDefinition } from "../server.ts";
import type { SessionListener, Upstream, UpstreamEvent, UpstreamLists, UpstreamState } from "./upstream.ts";

export interface Offer {
  readonly tools?: readonly JsonObject[];
  readonly resources?: readonly JsonObject[];
  readonly resourceTemplates?: readonly JsonObject[];
  readonly prompts?: readonly JsonObject[];
  readonly capabilities?: JsonObject;
  readonly instructions?: string;
}
export type Answering = (call: UpstreamCall) => Outcome | Promise<Outcome>;

/** A server in this process: what it offers is a value, what it answers a function. */
export class InProcessUpstream implements Upstream {
  readonly server: ServerDefinition;
  /** Every call that got here, in order. */
  readonly calls: UpstreamCall[] = [];
  /** URIs subscribed now, once for each subscriber. */
  readonly subscribed: string[] = [];
  readonly sessionListeners = new Set<SessionListener>();
  /** Sessions whose roots changed, in order. */
  readonly rootsChangedOf: string[] = [];
  lists: UpstreamLists | undefined;
  answer: Answering;
  closed = false;
  failed = false;
  refusesSubscriptions = false;
  era: Era = "modern";
  started = 0;
  refreshed = 0;
  readonly #listeners = new Set<(event: UpstreamEvent) => void>();

  constructor(server: ServerDefinition, offer: Offer | undefined, answer: Answering = said("ok")) {
    this.server = server;
    this.lists = offer && listsOf(offer);
    this.answer = answer;
  }

  get state(): UpstreamState {
    return {
      status: this.closed
        ? "closed"
        : this.failed
          ? "failed"
          : this.lists === undefined
            ? "connecting"
            : "ready",
      reason: undefined,
      era: this.era,
      revision: "2026-07-28",
      breaker: "closed",
      inFlight: 0,
      retryAt: undefined,
      sessions: 0,
    };
  }

  start(): void {
    this.started++;
  }
  refreshLists(): void {
    this.refreshed++;
  }
  async call(call: UpstreamCall): Promise<Outcome> {
    this.calls.push(call);
    return this.answer(call);
  }
  async subscribeResource(uri: string): Promise<() => void> {
    if (this.refusesSubscriptions)
      throw new GatewayError("upstream_unreachable", { server: this.server.name });
    this.subscribed.push(uri);
    return () => {
      this.subscribed.splice(this.subscribed.indexOf(uri), 1);
    };
  }
  listen(listener: SessionListener): () => void {
    this.sessionListeners.add(listener);
    return () => this.sessionListeners.delete(listener);
  }
  rootsChanged(owner: Pick<SessionListener, "principalId" | "sessionId">): void {
    this.rootsChangedOf.push(owner.sessionId);
  }
  onEvent(listener: (event: UpstreamEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  async close(): Promise<void> {
    this.closed = true;
  }

  /** Offers something else from now on, and says so. */
  change(offer: Offer): void {
    this.lists = listsOf(offer);
    this.emit({ kind: "lists", lists: this.lists });
  }
  /** Cannot be connected to, and says so. */
  fail(): void {
    this.failed = true;
    this.emit({ kind: "state", state: this.state });
  }
  updated(uri: string, principalId?: string): void {
    this.emit({ kind: "resource_updated", params: { uri }, principalId });
  }
  emit(event: UpstreamEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

let versions = 0;

export function listsOf(offer: Offer): UpstreamLists {
  return {
    tools: offer.tools ?? [],
    resources: offer.resources ?? [],
    resourceTemplates: offer.resourceTemplates ?? [],
    prompts: offer.prompts ?? [],
    instructions: offer.instructions,
    capabilities: offer.capabilities ?? {
      tools: {},
      resources: { subscribe: true },
      prompts: {},
      logging: {},
    },
    serverInfo: undefined,
    version: String(++versions),
    excluded: [],
  };
}

export function tool(name: string, over: JsonObject = {}): JsonObject {
  return { name, description: `does ${name}`, inputSchema: { type: "object" }, ...over };
}

/** Answers every call with one text. */
export function said(text: string): Answering {
  return () => ({ kind: "result", result: { content: [{ type: "text", text }] }, exact: false });
}
