import { GatewayError } from "../../../errors/gateway-error.ts";
import { Cancellation } from "../../../model/cancellation.ts";
import type { HttpConnectionSettings, ServerDefinition } from "../../../model/server.ts";
import { type HttpClient, HttpFailure, type HttpResponse } from "../../../net/http-exchange.ts";
import { SseReader } from "../../../protocol/sse.ts";
import type { Channel, ChannelReceiver } from "../channel/channel.ts";
import type { ChannelContext } from "../channel/settings.ts";
import type { ConnectionLoss } from "../connection.ts";
import { DEFAULT_UPSTREAM_LIMITS } from "../limits.ts";
import { HttpEndpoint, isEventStream } from "../streamable-http/endpoint.ts";

export interface SseContext extends ChannelContext {
  readonly http: HttpClient;
  readonly userAgent: string;
}

/** These servers need not send anything between calls, so silence says nothing; liveness is the heartbeat's matter. */
const STREAM_IDLE_MS = 24 * 60 * 60 * 1000;
/** Revisions from here on want to be named in a header; older servers may refuse what they do not know. */
const HEADER_SINCE = "2025-06-18";

/** HTTP with SSE (2024-11-05, basic/transports): a stream of the server's messages, and one POST for each of ours. */
export class SseChannel implements Channel {
  readonly #server: string;
  readonly #context: SseContext;
  readonly #settings: HttpConnectionSettings;
  readonly #stream: HttpEndpoint;
  readonly #endpointKnown = Promise.withResolvers<void>();
  #messages: HttpEndpoint | undefined;
  #versionHeader = "";
  #response: HttpResponse | undefined;
  #receiver: ChannelReceiver | undefined;
  #waiting: string[] = [];
  #loss: ConnectionLoss | undefined;
  #closed = false;

  private constructor(server: ServerDefinition, settings: HttpConnectionSettings, context: SseContext) {
    this.#server = server.name;
    this.#context = context;
    this.#settings = settings;
    this.#stream = this.#endpoint(settings.url);
    this.#endpointKnown.promise.catch(() => {});
  }

  /**
   * Opens the stream and waits for the address to post to.
   * @throws GatewayError `upstream_unreachable`, `upstream_timeout`, `upstream_refused`, `upstream_protocol_error`
   */
  static async connect(
    server: ServerDefinition,
    settings: HttpConnectionSettings,
    context: SseContext,
  ): Promise<SseChannel> {
    const { controlTimeoutMs } = context.settings;
    const cancellation = new Cancellation();
    const timer = setTimeout(() => cancellation.cancel("deadline"), controlTimeoutMs);
    let channel: SseChannel | undefined;
    try {
      channel = new SseChannel(server, settings, context);
      await channel.#open(cancellation);
      return channel;
    } catch (thrown) {
      await channel?.close();
      throw connectFailure(server.name, thrown, cancellation.cancelled, controlTimeoutMs);
    } finally {
      clearTimeout(timer);
    }
  }

  open(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
    for (const text of this.#waiting) receiver.onMessage(text);
    this.#waiting = [];
    if (this.#loss !== undefined) receiver.onClosed(this.#loss);
  }

  async send(text: string): Promise<void> {
    const server = this.#server;
    const endpoint = this.#messages;
    if (endpoint === undefined || this.#closed || this.#loss !== undefined) {
      throw new GatewayError(
        "upstream_unreachable",
        { server },
        { cause: new Error("the stream has ended") },
      );
    }
    let status: number;
    try {
      const response = await endpoint.post(
        endpoint.postHeaders + this.#versionHeader,
        text,
        undefined,
        this.#context.settings.controlTimeoutMs,
      );
      ({ status } = response);
      // The answer comes on the stream; what a POST returns is "Accepted" or nothing.
      await response.text();
    } catch (thrown) {
      throw sendFailure(server, thrown, this.#context.settings.controlTimeoutMs);
    }
    if (status >= 200 && status < 300) return;
    if (status === 404 || status === 410)
      this.#end({ reason: `the session ended (HTTP ${status})`, orderly: true });
    throw new GatewayError(
      "upstream_refused",
      { server, status },
      { cause: new Error(`HTTP ${status} to POST`) },
    );
  }

  negotiated(revision: string): void {
    if (revision >= HEADER_SINCE) this.#versionHeader = `mcp-protocol-version: ${revision}\r\n`;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#response?.abort();
  }

  #endpoint(url: string): HttpEndpoint {
    const { http, userAgent, settings } = this.#context;
    const limits = { ...DEFAULT_UPSTREAM_LIMITS, resultBytesMax: settings.messageBytesMax };
    return new HttpEndpoint(http, this.#server, { ...this.#settings, url }, limits, userAgent);
  }

  async #open(cancellation: Cancellation): Promise<void> {
    const response = await this.#stream.get(this.#stream.streamHeaders, cancellation, STREAM_IDLE_MS);
    this.#response = response;
    const { status } = response;
    if (status !== 200) {
      throw new GatewayError(
        "upstream_refused",
        { server: this.#server, status },
        { cause: new Error(`HTTP ${status} to GET`) },
      );
    }
    if (!isEventStream(response.header("content-type")))
      throw this.#protocolError("the answer to GET is no event stream");
    const reader = new SseReader(this.#context.settings.messageBytesMax);
    response
      .pipe((chunk) => {
        for (const event of reader.push(chunk)) this.#onEvent(event.event, event.data);
      })
      .then(
        () => this.#end({ reason: "the server ended the event stream", orderly: true }),
        (thrown: unknown) => {
          response.abort();
          this.#end({ reason: `the event stream broke: ${reasonOf(thrown)}`, orderly: false });
        },
      );
    await this.#endpointKnown.promise;
  }

  #onEvent(name: string, data: string): void {
    if (this.#closed) return;
    if (name === "endpoint") this.#onEndpoint(data);
    else if (name === "message") {
      if (this.#receiver === undefined) this.#waiting.push(data);
      else this.#receiver.onMessage(data);
    }
  }

  /** Only an address of the stream's own origin: another would get the credential. */
  #onEndpoint(data: string): void {
    if (this.#messages !== undefined) return;
    const base = this.#stream.target.url;
    const url = URL.canParse(data, base.href) ? new URL(data, base.href) : undefined;
    if (url === undefined || url.origin !== base.origin) {
      this.#endpointKnown.reject(this.#protocolError("the endpoint it named is not of its own origin"));
      return;
    }
    try {
      this.#messages = this.#endpoint(url.href);
      this.#endpointKnown.resolve();
    } catch (thrown) {
      this.#endpointKnown.reject(
        this.#protocolError(`the endpoint it named is refused: ${reasonOf(thrown)}`),
      );
    }
  }

  #end(loss: ConnectionLoss): void {
    if (this.#closed || this.#loss !== undefined) return;
    this.#loss = loss;
    this.#endpointKnown.reject(this.#protocolError(`${loss.reason} before it named an endpoint`));
    this.#response?.abort();
    this.#receiver?.onClosed(loss);
  }

  #protocolError(reason: string): GatewayError {
    return new GatewayError(
      "upstream_protocol_error",
      { server: this.#server },
      { cause: new Error(reason) },
    );
  }
}

function connectFailure(server: string, thrown: unknown, timedOut: boolean, timeoutMs: number): GatewayError {
  if (timedOut) {
    const cause = new Error(`no event stream with an endpoint within ${timeoutMs} ms`);
    return new GatewayError("upstream_timeout", { server, seconds: timeoutMs / 1000 }, { cause });
  }
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError("upstream_unreachable", { server }, { cause: thrown });
}

function sendFailure(server: string, thrown: unknown, timeoutMs: number): GatewayError {
  const cause = thrown;
  if (!(thrown instanceof HttpFailure)) return GatewayError.from(thrown);
  if (!thrown.sent) return new GatewayError("upstream_unreachable", { server }, { cause });
  if (thrown.kind === "timeout") {
    return new GatewayError("upstream_timeout", { server, seconds: timeoutMs / 1000 }, { cause });
  }
  if (thrown.kind === "protocol") return new GatewayError("upstream_protocol_error", { server }, { cause });
  return new GatewayError("upstream_lost", { server }, { cause });
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
