import type { Log } from "../../model/ports/log.ts";
import type { HttpConnectionSettings, ServerDefinition } from "../../model/server.ts";
import { type HttpClient, HttpFailure } from "../../net/http-exchange.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import type { Era } from "../../protocol/revision.ts";
import type { ConnectHints } from "./channel/settings.ts";
import type { Connection, ConnectionRequest } from "./connection.ts";
import type { UpstreamCounters } from "./counters.ts";
import { asFailure, UpstreamFailure } from "./failure.ts";
import type { UpstreamLimits } from "./limits.ts";
import { discover } from "./streamable-http/discovery.ts";
import { HttpEndpoint } from "./streamable-http/endpoint.ts";
import { LegacySession } from "./streamable-http/legacy.ts";
import { ModernConnection } from "./streamable-http/modern.ts";

/** How a server is spoken to, once that is known. */
export type Dialect = "modern" | "legacy" | "sse" | "stdio";

export type ChannelConnect = (
  server: ServerDefinition,
  request: ConnectionRequest,
  hints: ConnectHints,
) => Promise<Connection>;

export interface ConnectorDeps {
  readonly http: HttpClient;
  readonly limits: UpstreamLimits;
  readonly log: Log;
  readonly gatewayInfo: JsonObject;
  readonly random: () => number;
  readonly connectStdio: ChannelConnect;
  readonly connectSse: ChannelConnect;
}

export interface Opened {
  readonly connection: Connection;
  readonly dialect: Dialect;
}

/** Opens connections to one server and finds out which era and transport it speaks (2026-07-28, basic/versioning). */
export class Connector {
  readonly #server: ServerDefinition;
  readonly #deps: ConnectorDeps;
  readonly #counters: UpstreamCounters;
  #endpoint: HttpEndpoint | undefined;

  constructor(server: ServerDefinition, deps: ConnectorDeps, counters: UpstreamCounters) {
    this.#server = server;
    this.#deps = deps;
    this.#counters = counters;
  }

  /**
   * @param known what the server spoke last; without it, it is found out
   * @param timeoutMs of the handshake over HTTP
   * @throws UpstreamFailure whose cause tells the operator why
   */
  async open(
    request: ConnectionRequest,
    known: Dialect | undefined,
    timeoutMs = this.#deps.limits.connectTimeoutMs,
  ): Promise<Opened> {
    const { connection, protocol, name } = this.#server;
    try {
      if (connection.type === "stdio") return await this.#stdio(request, known);
      if (connection.type === "sse") return await this.#sse(request);
      if (protocol === "modern") return await this.#modern(request, timeoutMs);
      const dialect = protocol === "legacy" ? (known ?? "legacy") : known;
      if (dialect === "sse") return await this.#sse(request);
      if (dialect === undefined && protocol === "auto") {
        const modern = await this.#probe(request, timeoutMs);
        if (modern !== undefined) return modern;
      }
      return await this.#legacyOrSse(request, timeoutMs);
    } catch (thrown) {
      throw connectFailure(thrown, name);
    }
  }

  /** Whether an HTTP server last known as legacy has become modern. */
  async isModern(): Promise<boolean> {
    try {
      const { limits, gatewayInfo } = this.#deps;
      return (await discover(this.#http(), gatewayInfo, limits.pingTimeoutMs)).kind === "modern";
    } catch {
      return false;
    }
  }

  async #probe(request: ConnectionRequest, timeoutMs: number): Promise<Opened | undefined> {
    try {
      return await this.#discovered(request, timeoutMs / 2);
    } catch (thrown) {
      // A server that does not answer what it does not know is legacy; one that answers nothing fails `initialize` too.
      if (thrown instanceof UpstreamFailure && thrown.code === "upstream_timeout") return undefined;
      throw thrown;
    }
  }

  async #modern(request: ConnectionRequest, timeoutMs: number): Promise<Opened> {
    const opened = await this.#discovered(request, timeoutMs);
    if (opened !== undefined) return opened;
    const cause = new Error("the server does not speak revision 2026-07-28");
    throw new UpstreamFailure("upstream_protocol_error", { server: this.#server.name }, { cause });
  }

  async #discovered(request: ConnectionRequest, timeoutMs: number): Promise<Opened | undefined> {
    const { gatewayInfo, random } = this.#deps;
    const endpoint = this.#http();
    const answer = await discover(endpoint, gatewayInfo, timeoutMs);
    if (answer.kind !== "modern") return undefined;
    const connection = new ModernConnection(endpoint, request, answer.discovery, this.#counters, random);
    connection.listen();
    return { connection, dialect: "modern" };
  }

  async #legacyOrSse(request: ConnectionRequest, timeoutMs: number): Promise<Opened> {
    const { random } = this.#deps;
    let refusal: UpstreamFailure;
    try {
      const connection = await LegacySession.open(this.#http(), request, this.#counters, random, timeoutMs);
      return { connection, dialect: "legacy" };
    } catch (thrown) {
      if (!(thrown instanceof UpstreamFailure)) throw thrown;
      const { status = 0 } = thrown;
      if (status < 400 || status >= 500 || status === 401 || status === 403 || status === 429) throw thrown;
      refusal = thrown;
    }
    try {
      return await this.#sse(request);
    } catch {
      // Neither transport: what the first said is the better reason.
      throw refusal;
    }
  }

  async #sse(request: ConnectionRequest): Promise<Opened> {
    const hints = { counters: this.#counters };
    return {
      connection: await this.#deps.connectSse(this.#server, this.#channelRequest(request), hints),
      dialect: "sse",
    };
  }

  async #stdio(request: ConnectionRequest, known: Dialect | undefined): Promise<Opened> {
    const era: Era | undefined = known === "legacy" || known === "modern" ? known : undefined;
    const hints = { era, counters: this.#counters };
    return {
      connection: await this.#deps.connectStdio(this.#server, this.#channelRequest(request), hints),
      dialect: "stdio",
    };
  }

  /** On a single channel that everybody shares, nobody could be told whose a question is. */
  #channelRequest(request: ConnectionRequest): ConnectionRequest {
    if (this.#server.sharing !== "shared") return request;
    return { ...request, client: { ...request.client, capabilities: {} } };
  }

  #http(): HttpEndpoint {
    const { http, limits, gatewayInfo } = this.#deps;
    const { name, connection } = this.#server;
    const userAgent = `${String(gatewayInfo.name)}/${String(gatewayInfo.version)}`;
    this.#endpoint ??= new HttpEndpoint(http, name, connection as HttpConnectionSettings, limits, userAgent);
    return this.#endpoint;
  }
}

function connectFailure(thrown: unknown, server: string): UpstreamFailure {
  if (thrown instanceof HttpFailure || thrown instanceof TypeError) {
    return new UpstreamFailure("upstream_unreachable", { server }, { cause: thrown, harmless: true });
  }
  const failure = asFailure(thrown);
  if (failure.notRun) return failure;
  // Only the handshake was tried: the call that waits for it has not been sent.
  return new ConnectFailure(failure);
}

class ConnectFailure extends UpstreamFailure {
  constructor(original: UpstreamFailure) {
    super(original.code, original.params, {
      cause: original.cause ?? original,
      notRun: true,
      harmless: original.harmless,
      ...(original.status === undefined ? {} : { status: original.status }),
      ...(original.data === undefined ? {} : { data: original.data }),
    });
  }
}

/** Why a connection failed, in words for the operator. */
export function reasonOf(failure: UpstreamFailure): string {
  const { cause } = failure;
  const detail = cause instanceof Error ? cause.message : undefined;
  return detail === undefined || detail === failure.message
    ? failure.message
    : `${failure.message} ${detail}`;
}
