import { GatewayError } from "../../src/errors/gateway-error.ts";
import { EndpointTable } from "../../src/gateway/endpoint-table.ts";
import { doorLayers } from "../../src/gateway/pipeline.ts";
import type { Arrival } from "../../src/model/arrival.ts";
import type { SessionLedger, SessionState } from "../../src/model/ports/session-ledger.ts";
import type { Principal } from "../../src/model/principal.ts";
import { samplePrincipal } from "../../src/model/sample-exchange.testing.ts";
import type { HttpAnswer } from "../../src/net/listener/text-answer.ts";
import { alone } from "../../src/peers/alone.ts";
import { FailureMeter } from "../../src/policy/authenticate/failure-meter.ts";
import { compose } from "../../src/policy/compose.ts";
import { OriginRule } from "../../src/policy/origin/origin.ts";
import type { JsonObject } from "../../src/protocol/json-value.ts";
import { type SseEvent, SseReader } from "../../src/protocol/sse.ts";
import { Front } from "../../src/server/front.ts";
import { Listener } from "../../src/server/listen.ts";
import { serveEndpoint } from "../../src/transports/streamable-http/endpoint.ts";
import { LegacySessions } from "../../src/transports/streamable-http/legacy-sessions.ts";
import { WaitingRoom } from "../../src/transports/streamable-http/waiting.ts";
import { limitsInProcess } from "./counting.ts";
import { type GatewayOptions, InProcessGateway, type Served, sealerOfOneKey } from "./in-process-gateway.ts";

export const MODERN = "2026-07-28";
export const BODY_BYTES_MAX = 1_048_576;
/** Credentials of the two callers. */
export const ALICE = "key-of-alice";
export const BOB = "key-of-bob";

/** Rows of sessions, shared by the processes of one test. */
export class SharedLedger implements SessionLedger {
  readonly rows = new Map<string, SessionState>();
  async opened({ id }: { id: string }): Promise<void> {
    this.rows.set(id, { isEnded: false, logLevel: null, subscriptions: [], streamAt: null });
  }
  active(): void {}
  async ended(_organizationId: string, id: string): Promise<void> {
    this.#update(id, { isEnded: true });
  }
  async find(_organizationId: string, id: string): Promise<SessionState | undefined> {
    return this.rows.get(id);
  }
  async change(_organizationId: string, id: string, change: Partial<SessionState>): Promise<void> {
    this.#update(id, change);
  }
  async subscribe(_organizationId: string, id: string, uri: string, isSubscribed: boolean): Promise<void> {
    const others = (this.rows.get(id)?.subscriptions ?? []).filter((other) => other !== uri);
    this.#update(id, { subscriptions: isSubscribed ? [...others, uri] : others });
  }
  #update(id: string, change: Partial<SessionState>): void {
    const row = this.rows.get(id);
    if (row !== undefined) this.rows.set(id, { ...row, ...change });
  }
}

export interface HttpOptions extends GatewayOptions {
  readonly ledger?: SharedLedger;
  readonly keepAliveMs?: number;
  readonly sessionsMax?: number;
  readonly streamsMax?: number;
  readonly principals?: Readonly<Record<string, Principal>>;
  readonly clock?: { now(): number };
}

/** The data plane on a real port: real door, routes and sockets in front of servers in this process. */
export class HttpGateway {
  readonly inner: InProcessGateway;
  readonly sessions: LegacySessions;
  readonly waiting: WaitingRoom;
  readonly ledger: SharedLedger;
  readonly listener: Listener;
  readonly port: number;

  constructor(served: readonly Served[], options: HttpOptions = {}) {
    this.inner = new InProcessGateway(served, options);
    const { gateway, fleet, permissions, log } = this.inner;
    this.listener = new Listener(log);
    this.ledger = options.ledger ?? new SharedLedger();
    this.waiting = new WaitingRoom(options.keepAliveMs);
    const clock = options.clock ?? { now: Date.now };
    const peers = alone(sealerOfOneKey());
    this.sessions = new LegacySessions({
      relay: gateway,
      peers,
      sealer: sealerOfOneKey(),
      ledger: this.ledger,
      clock,
      sessionsMax: options.sessionsMax ?? 1_000,
      sessionsPerPrincipalMax: options.sessionsMax ?? 1_000,
      sessionIdleMs: 24 * 3_600_000,
    });
    const principals: Readonly<Record<string, Principal>> = {
      [ALICE]: samplePrincipal({ id: "key:alice" }),
      [BOB]: samplePrincipal({ id: "key:bob" }),
      ...options.principals,
    };
    const origins = new OriginRule("http://localhost", ["http://localhost:*"]);
    const door = doorLayers<HttpAnswer>({
      host: { url: "http://localhost", allowedHosts: [], boundTo: "127.0.0.1" },
      origins,
      bodyBytesMax: BODY_BYTES_MAX,
      trustedProxies: [],
      limits: limitsInProcess(),
      addressLimits: () => undefined,
      authenticator: { authenticate: (credential) => principals[credential] },
      anonymous: undefined,
      failures: new FailureMeter(clock, 1_000),
      onFailure: () => {},
    });
    const deps = {
      relay: gateway,
      peers,
      waiting: this.waiting,
      serverInfo: { name: "mcp-gateway", version: "1.0.0" },
      log,
      streamsMax: options.streamsMax ?? 100,
      streamsPerPrincipalMax: 100,
      batchMax: 50,
      sessions: this.sessions,
      jsonLimits: { depthMax: 64, itemsMax: 100_000 },
      body: { bytesMax: BODY_BYTES_MAX, timeoutMs: 10_000 },
    };
    const front = new Front({
      door: (terminal) => compose<Arrival, HttpAnswer>(door, terminal).run,
      origins,
      onRefused: () => {},
      challenge: { url: "http://localhost", issuers: [] },
      endpoints: new EndpointTable(() => fleet.snapshot, permissions),
      serveMcp: (request) => serveEndpoint(deps, request),
      serveControl: () => new Response("control"),
      serveAdmin: () => new Response("admin"),
      receivePeer: () => Promise.reject(new GatewayError("unauthenticated")),
      concurrentRequestsMax: 1_000,
      refusal: () => undefined,
      secure: false,
      log,
    });
    const at = { host: "127.0.0.1", port: 0, tls: undefined, idleMsMax: 75_000 };
    this.port = this.listener.start(at, front).port;
  }

  url(path = "/mcp"): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  send(
    method: string,
    headers: Record<string, string>,
    body: string | undefined,
    options: { path?: string; key?: string; signal?: AbortSignal } = {},
  ): Promise<Response> {
    return fetch(this.url(options.path), {
      method,
      headers: { authorization: `Bearer ${options.key ?? ALICE}`, ...headers },
      ...(body !== undefined && { body }),
      ...(options.signal && { signal: options.signal }),
    });
  }

  /** One request of a 2026-07-28 client, with everything such a client sends. */
  modern(
    method: string,
    params: JsonObject = {},
    over: {
      id?: unknown;
      meta?: JsonObject;
      headers?: Record<string, string>;
      path?: string;
      key?: string;
      signal?: AbortSignal;
    } = {},
  ): Promise<Response> {
    const name = params.name ?? params.uri;
    const headers: Record<string, string> = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": MODERN,
      "mcp-method": method,
      ...(typeof name === "string" && { "mcp-name": name }),
      ...over.headers,
    };
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": MODERN,
      "io.modelcontextprotocol/clientCapabilities": {},
      ...over.meta,
    };
    const body = { jsonrpc: "2.0", id: over.id ?? 1, method, params: { ...params, _meta } };
    return this.send("POST", headers, JSON.stringify(body), over);
  }

  async legacy(
    options: { revision?: string; capabilities?: JsonObject; path?: string; key?: string } = {},
  ): Promise<LegacyClient> {
    const { revision = "2025-11-25", capabilities = {} } = options;
    const params = { protocolVersion: revision, capabilities, clientInfo: { name: "test", version: "1" } };
    const response = await this.send(
      "POST",
      { "content-type": "application/json", accept: "application/json, text/event-stream" },
      JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params }),
      options,
    );
    const answer = (await response.json()) as { result: JsonObject };
    return new LegacyClient(this, response.headers.get("mcp-session-id") ?? "", answer.result, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sessions.close();
    this.waiting.interrupt();
    await this.listener.stop(0);
    await this.inner[Symbol.asyncDispose]();
  }
}

/** A session, and requests in it. */
export class LegacyClient {
  readonly sessionId: string;
  readonly initialized: JsonObject;
  readonly #http: HttpGateway;
  readonly #at: { path?: string; key?: string };

  constructor(
    http: HttpGateway,
    sessionId: string,
    initialized: JsonObject,
    at: { path?: string; key?: string },
  ) {
    this.#http = http;
    this.sessionId = sessionId;
    this.initialized = initialized;
    this.#at = at;
  }

  post(
    message: unknown,
    over: { headers?: Record<string, string>; path?: string; key?: string; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const headers = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-session-id": this.sessionId,
      ...over.headers,
    };
    const body = typeof message === "string" ? message : JSON.stringify(message);
    return this.#http.send("POST", headers, body, { ...this.#at, ...over });
  }

  request(
    method: string,
    params: JsonObject = {},
    over: Parameters<LegacyClient["post"]>[1] & { id?: unknown } = {},
  ) {
    return this.post({ jsonrpc: "2.0", id: over.id ?? 1, method, params }, over);
  }

  get(over: { headers?: Record<string, string>; signal?: AbortSignal } = {}): Promise<Response> {
    const headers = { accept: "text/event-stream", "mcp-session-id": this.sessionId, ...over.headers };
    return this.#http.send("GET", headers, undefined, { ...this.#at, ...over });
  }

  delete(): Promise<Response> {
    return this.#http.send("DELETE", { "mcp-session-id": this.sessionId }, undefined, this.#at);
  }
}

export type JsonRpc = JsonObject & {
  result?: JsonObject;
  error?: { code: number; message: string; data?: JsonObject };
};

/** Events of a response's stream, one by one. */
export class Events {
  readonly #reader: {
    read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
  readonly #parser = new SseReader(64 * 1_048_576);
  readonly #ready: SseEvent[] = [];
  /** Everything read, as text. */
  raw = "";

  constructor(response: Response) {
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader();
  }

  /** The next event, or `undefined` at the end. */
  async next(): Promise<SseEvent | undefined> {
    for (;;) {
      const event = this.#ready.shift();
      if (event !== undefined) return event;
      const { done, value } = await this.#reader.read();
      if (done || value === undefined) return undefined;
      this.raw += Buffer.from(value).toString();
      this.#ready.push(...this.#parser.push(value));
    }
  }
  /** The next event's message; events without data are skipped. */
  async message(): Promise<JsonRpc | undefined> {
    for (let event = await this.next(); event !== undefined; event = await this.next()) {
      if (event.data !== "") return JSON.parse(event.data) as JsonRpc;
    }
    return undefined;
  }
  async rest(): Promise<JsonRpc[]> {
    const messages: JsonRpc[] = [];
    for (let one = await this.message(); one !== undefined; one = await this.message()) messages.push(one);
    return messages;
  }
  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** Waits until something is so, or fails with its name. */
export async function until(what: string, isSo: () => boolean, withinMs = 5_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await Bun.sleep(5);
  }
}
