import { GatewayError } from "../../errors/gateway-error.ts";
import type { ClientContext, InputRequests, InputResponses, ValueText } from "../../model/call.ts";
import { Cancellation } from "../../model/cancellation.ts";
import type { Continuation } from "../../model/continuation.ts";
import type { Endpoint, Exchange, Target } from "../../model/exchange.ts";
import type { IncomingHeaders, IncomingRequest } from "../../model/incoming-request.ts";
import type { LimitNote } from "../../model/limit-note.ts";
import type { CallIntent } from "../../model/ports/journal.ts";
import type { Principal } from "../../model/principal.ts";
import { stringifyExact } from "../../protocol/json-exact.ts";
import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import type { JsonRpcNotification, RequestId } from "../../protocol/jsonrpc.ts";
import { LOG_LEVELS } from "../../protocol/meta.ts";
import { readMeta, withoutEdgeMeta } from "../../protocol/modern/codec.ts";
import { MODERN_REVISION } from "../../protocol/revision.ts";
import { traceparentOf } from "../../protocol/trace-context.ts";
import type { EdgeDeps, EdgeRequest } from "./edge.ts";
import { EventStream } from "./event-stream.ts";
import type { ModernRequest } from "./modern-request.ts";
import { PostReply, type PostReplyInit, type ReplyStream } from "./post-reply.ts";
import type { WaitingRoom } from "./waiting.ts";

/**
 * The exchange of one 2026-07-28 request, together with the answer it will have. One object, and methods in place of
 * closures: all of it is made anew for every call.
 */
export class ModernExchange implements Exchange, PostReplyInit {
  readonly id: string;
  readonly method: string;
  readonly params: JsonObject;
  readonly exact: boolean;
  readonly principal: Principal;
  readonly endpoint: Endpoint;
  readonly client: ClientContext;
  readonly wantsProgress: boolean;
  readonly clientAddress: string;
  readonly limitNote: LimitNote;
  readonly traceparent: string | undefined;
  readonly mirroredHeaders: IncomingHeaders;
  readonly cancellation = new Cancellation();
  readonly startedAt: number;
  deadline = Number.POSITIVE_INFINITY;
  target: Target | undefined = undefined;
  continuation: Continuation | undefined = undefined;
  argumentsText: ValueText | undefined = undefined;
  intent: CallIntent | undefined = undefined;
  readonly request: IncomingRequest;
  readonly waiting: WaitingRoom;
  readonly streams: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly reply: PostReply;
  readonly #progressToken: RequestId | undefined;

  constructor(deps: EdgeDeps, edge: EdgeRequest, read: ModernRequest, exact: boolean) {
    const { arrival } = edge;
    const { request } = arrival;
    const meta = readMeta(read.meta);
    this.id = arrival.id;
    this.method = read.method;
    this.params = withoutEdgeMeta(read.params);
    this.exact = exact;
    this.principal = edge.principal;
    this.endpoint = edge.endpoint;
    this.client = {
      era: "modern",
      revision: MODERN_REVISION,
      capabilities: meta.capabilities,
      info: meta.info,
      logLevel: meta.logLevel,
      sessionId: undefined,
    };
    this.wantsProgress = meta.progressToken !== undefined;
    this.clientAddress = arrival.clientAddress;
    this.limitNote = arrival;
    this.traceparent = traceparentOf(meta.traceparent, request.headers.get("traceparent"));
    this.mirroredHeaders = request.headers;
    this.request = request;
    this.waiting = deps.waiting;
    this.streams = edge.streams;
    this.headers = edge.headers;
    this.#progressToken = meta.progressToken;
    this.reply = new PostReply(this);
    this.startedAt = this.reply.startedAt;
  }

  openStream(onGone: () => void): ReplyStream {
    return new EventStream(onGone);
  }
  /** Streamable HTTP, "Cancellation": closing the response stream is the cancellation. */
  onGone(): void {
    this.cancellation.cancel("client_gone");
  }
  onInterrupt(): void {
    this.cancellation.cancel("shutdown");
  }

  /** Progress gets the client's own token back; log messages pass only where asked for, from the level asked for. */
  notify(notification: JsonRpcNotification): void {
    const { method, params = {} } = notification;
    if (method === "notifications/progress") {
      if (this.#progressToken === undefined) return;
      const withToken = { ...params, progressToken: this.#progressToken };
      this.reply.send(stringifyExact({ jsonrpc: "2.0", method, params: withToken }), true);
    } else if (method === "notifications/message") {
      const { logLevel } = this.client;
      if (logLevel === undefined) return;
      if (LOG_LEVELS.indexOf(params.level as never) < LOG_LEVELS.indexOf(logLevel)) return;
      this.reply.send(stringifyExact(notification as unknown as JsonValue), true);
    }
  }

  /** Questions of a legacy server reach a modern client as `input_required`, which ends its request; see `parked-call.ts`. */
  ask(requests: InputRequests): Promise<InputResponses> {
    const capability = Object.values(requests)[0]?.method.split("/")[0] ?? "an answer";
    return Promise.reject(new GatewayError("client_cannot_answer", { capability }));
  }
}
