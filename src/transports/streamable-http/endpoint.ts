import { GatewayError } from "../../errors/gateway-error.ts";
import type { IncomingHeaders } from "../../model/incoming-request.ts";
import { type HttpAnswer, responseOf, TextAnswer } from "../../net/listener/text-answer.ts";
import { type BodyLimits, readText } from "../../net/request-body.ts";
import { type JsonLimits, parseGuarded } from "../../protocol/json.ts";
import { asObject, type JsonObject, type JsonValue } from "../../protocol/json-value.ts";
import { isRequestId, type RequestId } from "../../protocol/jsonrpc.ts";
import { Meta } from "../../protocol/meta.ts";
import { isLegacyRevision } from "../../protocol/revision.ts";
import { failureText } from "./answer.ts";
import type { EdgeRequest } from "./edge.ts";
import { EVENT_STREAM_HEADERS } from "./event-stream.ts";
import { forwardTo, ownerElsewhere } from "./forward.ts";
import { accepted, initialize, type LegacyEdgeDeps, serveLegacy } from "./legacy.ts";
import type { LegacySession } from "./legacy-session.ts";
import { refuse, serveModern } from "./modern.ts";
import { parseEventId } from "./session-stream.ts";

export interface EndpointDeps extends LegacyEdgeDeps {
  readonly jsonLimits: JsonLimits;
  readonly body: BodyLimits;
  /** Messages in one 2025-03-26 batch. */
  readonly batchMax: number;
}

/**
 * One MCP endpoint: POST for 2026-07-28 clients; POST, GET and DELETE with sessions for older ones, on the same URL. The era
 * is the request's own: its `_meta` and `MCP-Protocol-Version`, never what the connection did before.
 */
export function serveEndpoint(deps: EndpointDeps, request: EdgeRequest): Promise<HttpAnswer> {
  return request.arrival.request.method === "POST" ? post(deps, request) : serveStream(deps, request);
}

async function serveStream(deps: EndpointDeps, request: EdgeRequest): Promise<HttpAnswer> {
  try {
    switch (request.arrival.request.method) {
      case "GET":
        return await openStream(deps, request);
      case "DELETE":
        return await endSession(deps, request);
      default:
        throw new GatewayError("method_not_allowed");
    }
  } catch (thrown) {
    return fail(deps, request, undefined, thrown);
  }
}

/** The path of every call. What it hands on is awaited here: an async function takes two more turns to take over a promise. */
async function post(deps: EndpointDeps, request: EdgeRequest): Promise<HttpAnswer> {
  let id: JsonValue | undefined;
  try {
    const http = request.arrival.request;
    const contentType = http.headers.get("content-type");
    if (contentType === null || !isJsonType(contentType)) throw new GatewayError("unsupported_media_type");
    const body = readText(http, deps.body);
    const text = typeof body === "string" ? body : await body;
    const { value, exact } = parseGuarded(text, deps.jsonLimits);
    const message = asObject(value);
    const method = typeof message?.method === "string" ? message.method : undefined;
    const connecting = deps.relay.connecting(request.endpoint, request.principal, method);
    if (connecting !== undefined) await connecting;
    if (Array.isArray(value)) return await serveBatch(deps, request, value, exact);
    if (message === undefined)
      throw new GatewayError("invalid_request", { detail: "the message must be an object" });
    if (isModern(message, http.headers)) return await serveModern(deps, request, message, exact);
    id = message.id;
    return await serveSessionMessage(deps, request, message, exact);
  } catch (thrown) {
    return fail(deps, request, id, thrown);
  }
}

function isJsonType(contentType: string): boolean {
  return contentType === "application/json" || /^application\/json\s*(;|$)/i.test(contentType);
}

/** Modern unless it shows itself legacy: a legacy version header, or neither header nor `_meta` naming a version. */
function isModern(message: JsonObject, headers: IncomingHeaders): boolean {
  const meta = asObject(asObject(message.params)?._meta);
  if (meta?.[Meta.protocolVersion] !== undefined) return true;
  const declared = headers.get("mcp-protocol-version")?.trim();
  return declared !== undefined && declared !== "" && !isLegacyRevision(declared);
}

async function serveSessionMessage(
  deps: EndpointDeps,
  request: EdgeRequest,
  message: JsonObject,
  exact: boolean,
): Promise<HttpAnswer> {
  if (message.jsonrpc !== "2.0")
    throw new GatewayError("invalid_request", { detail: 'jsonrpc must be "2.0"' });
  if (message.method === "initialize") {
    if (!isRequestId(message.id)) {
      throw new GatewayError("invalid_request", { detail: "id must be a string or a number" });
    }
    return initialize(deps, request, message);
  }
  const found = sessionOf(deps, request);
  return serveLegacy(deps, request, found instanceof Promise ? await found : found, message, exact);
}

function sessionOf(deps: EndpointDeps, request: EdgeRequest): LegacySession | Promise<LegacySession> {
  const { headers } = request.arrival.request;
  return deps.sessions.find(headers.get("mcp-session-id"), request.principal, request.endpoint);
}

/** 2025-03-26 alone knows batches: each message is served as if it had come by itself. */
async function serveBatch(
  deps: EndpointDeps,
  request: EdgeRequest,
  messages: readonly JsonValue[],
  exact: boolean,
): Promise<HttpAnswer> {
  if (request.arrival.request.headers.get("mcp-session-id") === null) throw new GatewayError("batch_refused");
  const session = await sessionOf(deps, request);
  if (session.identity.revision !== "2025-03-26") throw new GatewayError("batch_refused");
  if (messages.length === 0 || messages.length > deps.batchMax) {
    throw new GatewayError("invalid_request", { detail: `a batch holds 1 to ${deps.batchMax} messages` });
  }
  const quiet: EdgeRequest = { ...request, streams: false };
  const answers = await Promise.all(
    messages.map(async (value) => {
      const message = asObject(value);
      try {
        if (message === undefined || message.method === "initialize") {
          throw new GatewayError("invalid_request", { detail: "not a message for a batch" });
        }
        const response = await serveLegacy(deps, quiet, session, message, exact);
        return response.status === 202 ? undefined : await responseOf(response).text();
      } catch (thrown) {
        return failureText(idOf(message?.id) ?? null, thrown, request.arrival.id);
      }
    }),
  );
  const texts = answers.filter((text) => text !== undefined);
  if (texts.length === 0) return accepted(request);
  return TextAnswer.json(200, request.headers, `[${texts.join(",")}]`);
}

/** GET: the session's own stream, or a broken one taken up again by `Last-Event-ID`. */
async function openStream(deps: EndpointDeps, request: EdgeRequest): Promise<HttpAnswer> {
  const { headers } = request.arrival.request;
  if (isSessionless(headers)) throw new GatewayError("method_not_allowed");
  if (!request.streams) throw new GatewayError("not_acceptable", { expected: "text/event-stream" });
  const session = await sessionOf(deps, request);
  const lastEventId = headers.get("last-event-id");
  const owner = lastEventId === null ? undefined : ownerElsewhere(deps, lastEventId);
  if (owner !== undefined) {
    const answer = await forwardTo(deps, request, owner, "");
    if (answer !== undefined) return answer;
  }
  const body =
    lastEventId === null
      ? (await session.openStandalone()).attach()
      : resume(session, lastEventId, deps.peers.mark);
  return new Response(body, { headers: { ...EVENT_STREAM_HEADERS, ...request.headers } });
}

function resume(session: LegacySession, lastEventId: string, mark: string): ReadableStream<Uint8Array> {
  const event = parseEventId(lastEventId, mark);
  const stream = event && session.stream(event.streamId);
  if (event === undefined || stream === undefined) {
    throw new GatewayError("invalid_request", { detail: "this event id cannot be resumed (any more)" });
  }
  return stream.attach(event.sequence);
}

/**
 * 2026-07-28 has neither GET nor DELETE. A client that names an older revision forgot its session, and is told so
 * (2025-11-25, transports: 400 where a session id is required).
 */
function isSessionless(headers: IncomingHeaders): boolean {
  const declared = headers.get("mcp-protocol-version")?.trim() ?? "";
  return headers.get("mcp-session-id") === null && !isLegacyRevision(declared);
}

async function endSession(deps: EndpointDeps, request: EdgeRequest): Promise<HttpAnswer> {
  if (isSessionless(request.arrival.request.headers)) throw new GatewayError("method_not_allowed");
  const session = await sessionOf(deps, request);
  await deps.sessions.end(session);
  return new TextAnswer(204, request.headers, null);
}

function fail(
  deps: EndpointDeps,
  request: EdgeRequest,
  id: JsonValue | undefined,
  thrown: unknown,
): HttpAnswer {
  const error = GatewayError.from(thrown);
  if (error.code === "internal") {
    deps.log.error({ correlationId: request.arrival.id, err: error.cause }, "request failed");
  }
  const headers =
    error.code === "method_not_allowed" ? { ...request.headers, allow: "POST" } : request.headers;
  return refuse({ arrival: request.arrival, headers }, idOf(id), error);
}

function idOf(id: JsonValue | undefined): RequestId | undefined {
  return isRequestId(id) ? id : undefined;
}
