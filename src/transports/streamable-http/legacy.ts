import { GatewayError } from "../../errors/gateway-error.ts";
import type { InputRequests, Outcome } from "../../model/call.ts";
import { Cancellation } from "../../model/cancellation.ts";
import { type Exchange, newExchange } from "../../model/exchange.ts";
import { type HttpAnswer, TextAnswer } from "../../net/listener/text-answer.ts";
import { stringify } from "../../protocol/json.ts";
import { stringifyExact } from "../../protocol/json-exact.ts";
import { asObject, type JsonObject } from "../../protocol/json-value.ts";
import {
  idText,
  isRequestId,
  type JsonRpcErrorBody,
  type JsonRpcNotification,
  type RequestId,
} from "../../protocol/jsonrpc.ts";
import { legacyCapabilities, negotiate } from "../../protocol/legacy/codec.ts";
import { LOG_LEVELS } from "../../protocol/meta.ts";
import { withoutEdgeMeta } from "../../protocol/modern/codec.ts";
import { traceparentOf } from "../../protocol/trace-context.ts";
import { type Answer, failureText, legacyAnswer } from "./answer.ts";
import type { EdgeDeps, EdgeRequest } from "./edge.ts";
import { forwardTo, ownerElsewhere } from "./forward.ts";
import type { LegacySession } from "./legacy-session.ts";
import type { LegacySessions } from "./legacy-sessions.ts";
import { PostReply } from "./post-reply.ts";

/** Rounds of questions a modern server may put to a legacy client in one call. */
const ROUNDS_MAX = 8;

export interface LegacyEdgeDeps extends EdgeDeps {
  readonly sessions: LegacySessions;
}

/** `initialize` (2025-11-25 lifecycle): opens the session every later message names. */
export async function initialize(
  deps: LegacyEdgeDeps,
  request: EdgeRequest,
  message: JsonObject,
): Promise<HttpAnswer> {
  const id = message.id as RequestId;
  const params = asObject(message.params) ?? {};
  const revision = negotiate(params.protocolVersion);
  const { sealedId, standing } = deps.sessions.open(request.principal, request.endpoint, revision, params);
  await standing;
  const description = deps.relay.describe(request.endpoint, request.principal);
  const result: JsonObject = {
    protocolVersion: revision,
    capabilities: legacyCapabilities(description.capabilities, revision),
    serverInfo: description.serverInfo,
    ...(description.instructions !== undefined && { instructions: description.instructions }),
  };
  const { text } = legacyAnswer(id, { kind: "result", result, exact: true });
  return TextAnswer.json(200, { ...request.headers, "mcp-session-id": sealedId }, text);
}

/** One message of a session: a request, a notification, or the answer to a question of ours. */
export async function serveLegacy(
  deps: LegacyEdgeDeps,
  request: EdgeRequest,
  session: LegacySession,
  message: JsonObject,
  exact: boolean,
): Promise<HttpAnswer> {
  const { id, method } = message;
  const hasId = isRequestId(id);
  if (id !== undefined && !hasId) {
    throw new GatewayError("invalid_request", { detail: "id must be a string or a number" });
  }
  if (typeof method !== "string") {
    if (!hasId) throw new GatewayError("invalid_request", { detail: "neither a request nor an answer" });
    return receiveAnswer(deps, request, session, id, message, exact);
  }
  if (!hasId) {
    await receiveNotification(deps, session, method, asObject(message.params) ?? {});
    return accepted(request);
  }
  if (session.isUnderWay(idText(id))) {
    throw new GatewayError("invalid_request", { detail: "this id is in use by a request under way" });
  }
  return callInSession(deps, request, session, id, method, asObject(message.params) ?? {}, exact);
}

/** The process that asked waits for it; where it is gone, so is the call. */
async function receiveAnswer(
  deps: LegacyEdgeDeps,
  request: EdgeRequest,
  session: LegacySession,
  id: RequestId,
  message: JsonObject,
  exact: boolean,
): Promise<HttpAnswer> {
  const owner = ownerElsewhere(deps, String(id));
  if (owner !== undefined) {
    const answer = await forwardTo(deps, request, owner, stringify(message, exact));
    if (answer !== undefined) return answer;
    throw new GatewayError("invalid_request", { detail: "the call that asked this is not known any more" });
  }
  const error = asObject(message.error) as unknown as JsonRpcErrorBody | undefined;
  session.answer(id, message.result, error);
  return accepted(request);
}

export function accepted(request: EdgeRequest): TextAnswer {
  return new TextAnswer(202, request.headers, null);
}

async function receiveNotification(
  deps: LegacyEdgeDeps,
  session: LegacySession,
  method: string,
  params: JsonObject,
): Promise<void> {
  if (method === "notifications/roots/list_changed") {
    session.rootsChanged();
    // Calls through other processes have sessions with the servers there.
    await deps.peers.tell({ kind: "roots_changed", sessionId: session.identity.id });
    return;
  }
  if (method !== "notifications/cancelled" || !isRequestId(params.requestId)) return;
  const requestId = idText(params.requestId);
  if (session.cancel(requestId)) return;
  await deps.peers.tell({ kind: "request_cancelled", sessionId: session.identity.id, requestId });
}

function callInSession(
  deps: LegacyEdgeDeps,
  request: EdgeRequest,
  session: LegacySession,
  id: RequestId,
  method: string,
  params: JsonObject,
  exact: boolean,
): Promise<HttpAnswer> {
  const cancellation = new Cancellation();
  const reply = new PostReply({
    principal: request.principal,
    request: request.arrival.request,
    waiting: deps.waiting,
    streams: request.streams,
    headers: request.headers,
    openStream: () => session.openStream(),
    // 2025-11-25 transports: a disconnect is not a cancellation; the stream can be resumed.
    onGone: () => {},
    onInterrupt: () => cancellation.cancel("shutdown"),
  });
  session.begin(idText(id), cancellation);
  const exchange = sessionExchange(request, session, method, params, exact, cancellation, reply);
  answerInSession(deps, session, exchange, id)
    .catch((thrown: unknown): Answer => {
      const error = GatewayError.from(thrown);
      if (error.code === "internal")
        deps.log.error({ correlationId: exchange.id, err: error.cause }, "call failed");
      const text = failureText(id, error, exchange.id);
      return { status: statusInSession(error), text, headers: error.headers };
    })
    .then((answer) => {
      session.ended(idText(id), cancellation);
      reply.finish(answer.status, answer.text, answer.headers);
    });
  return reply.response;
}

/** 404 and 400 mean the session here, so a failed call keeps 200 unless the request should be sent again later. */
function statusInSession(error: GatewayError): number {
  return error.httpStatus === 429 || error.httpStatus === 503 ? error.httpStatus : 200;
}

function sessionExchange(
  request: EdgeRequest,
  session: LegacySession,
  method: string,
  params: JsonObject,
  exact: boolean,
  cancellation: Cancellation,
  reply: PostReply,
): Exchange {
  const { revision, capabilities, info, id: sessionId } = session.identity;
  const meta = asObject(params._meta);
  const token = meta?.progressToken;
  const progressToken = isRequestId(token) ? token : undefined;
  return newExchange({
    id: request.arrival.id,
    method,
    params: withoutEdgeMeta(params),
    exact,
    principal: request.principal,
    endpoint: request.endpoint,
    client: { era: "legacy", revision, capabilities, info, logLevel: session.row.logLevel, sessionId },
    wantsProgress: progressToken !== undefined,
    clientAddress: request.arrival.clientAddress,
    limitNote: request.arrival,
    traceparent: traceparentOf(meta?.traceparent, request.arrival.request.headers.get("traceparent")),
    mirroredHeaders: undefined,
    cancellation,
    startedAt: reply.startedAt,
    notify: (notification) => forward(session, reply, progressToken, notification),
    ask: (requests) => session.ask(requests, (message) => reply.send(message, false), cancellation),
  });
}

function forward(
  session: LegacySession,
  reply: PostReply,
  progressToken: RequestId | undefined,
  notification: JsonRpcNotification,
): void {
  const { method, params = {} } = notification;
  let message: JsonObject = { jsonrpc: "2.0", method, params };
  if (method === "notifications/progress") {
    if (progressToken === undefined) return;
    message = { ...message, params: { ...params, progressToken } };
  } else if (method === "notifications/message" && session.row.logLevel !== undefined) {
    if (LOG_LEVELS.indexOf(params.level as never) < LOG_LEVELS.indexOf(session.row.logLevel)) return;
  }
  reply.send(stringifyExact(message), true);
}

async function answerInSession(
  deps: LegacyEdgeDeps,
  session: LegacySession,
  exchange: Exchange,
  id: RequestId,
): Promise<Answer> {
  const own = await answerOwn(session, exchange);
  if (own !== undefined) return legacyAnswer(id, { kind: "result", result: own, exact: false });
  return legacyAnswer(id, await relayWithQuestions(deps, exchange));
}

/** What a session answers itself: these never reach a server as they are. */
async function answerOwn(session: LegacySession, exchange: Exchange): Promise<JsonObject | undefined> {
  const { params } = exchange;
  switch (exchange.method) {
    case "ping":
      return {};
    case "logging/setLevel": {
      const level = LOG_LEVELS.find((known) => known === params.level);
      if (level === undefined)
        throw new GatewayError("invalid_params", { detail: "level is not a log level" });
      await session.row.setLogLevel(level);
      return {};
    }
    case "resources/subscribe":
      if (typeof params.uri !== "string")
        throw new GatewayError("invalid_params", { detail: "uri must be a string" });
      await session.subscribe(params.uri);
      return {};
    case "resources/unsubscribe":
      await session.unsubscribe(String(params.uri));
      return {};
    default:
      return undefined;
  }
}

/**
 * A modern server ends a round with `input_required`; to a legacy client each of its questions is a request on the call's
 * own stream, and the call goes on with the answers.
 */
async function relayWithQuestions(deps: LegacyEdgeDeps, exchange: Exchange): Promise<Outcome> {
  let current = exchange;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const outcome = await deps.relay.handle(current);
    if (outcome.kind !== "result" || outcome.result.resultType !== "input_required") return outcome;
    const requests = (asObject(outcome.result.inputRequests) ?? {}) as unknown as InputRequests;
    const inputResponses = await exchange.ask(requests);
    const { inputResponses: _old, requestState: _state, ...params } = exchange.params;
    const { requestState } = outcome.result;
    current = newExchange({
      ...exchange,
      params: {
        ...params,
        ...(Object.keys(requests).length > 0 && { inputResponses: inputResponses as JsonObject }),
        ...(requestState !== undefined && { requestState }),
      },
    });
  }
  throw new GatewayError("upstream_protocol_error", { server: exchange.target?.server.name ?? "" });
}
