import { GatewayError } from "../../errors/gateway-error.ts";
import type { Outcome } from "../../model/call.ts";
import { type HttpAnswer, TextAnswer } from "../../net/listener/text-answer.ts";
import { stringify } from "../../protocol/json.ts";
import type { JsonObject } from "../../protocol/json-value.ts";
import { isRequestId, type RequestId } from "../../protocol/jsonrpc.ts";
import { REMOVED_METHODS, SUPPORTED_VERSIONS } from "../../protocol/modern/codec.ts";
import { type Answer, failureText, modernAnswer, unreadId } from "./answer.ts";
import type { EdgeDeps, EdgeRequest } from "./edge.ts";
import { forwardTo, ownerElsewhere } from "./forward.ts";
import { listen } from "./listen.ts";
import { ModernExchange } from "./modern-exchange.ts";
import { type ModernRequest, readModernRequest } from "./modern-request.ts";

/** The edge of 2026-07-28: one POST, one request, no session; canonical form is its own form. */
export function serveModern(
  deps: EdgeDeps,
  request: EdgeRequest,
  message: JsonObject,
  exact: boolean,
): HttpAnswer | Promise<HttpAnswer> {
  const id = requestIdOf(message);
  if (message.method !== undefined && message.id === undefined) {
    return new TextAnswer(202, request.headers, null);
  }
  let read: ModernRequest;
  try {
    read = readModernRequest(message, request.arrival.request.headers);
    if (REMOVED_METHODS.has(read.method)) throw new GatewayError("method_unknown", { method: read.method });
    if (read.method === "server/discover") return discover(deps, request, read);
    if (read.method === "subscriptions/listen")
      return listen(deps, request, read).catch((thrown: unknown) => refuse(request, id, thrown));
    const continued = continuedElsewhere(deps, request, read, message, exact);
    if (continued !== undefined) {
      return continued.then(
        (elsewhere) => elsewhere ?? call(deps, request, read, exact),
        (thrown: unknown) => refuse(request, id, thrown),
      );
    }
  } catch (thrown) {
    return refuse(request, id, thrown);
  }
  return call(deps, request, read, exact);
}

/** @param id `undefined` where the body was not read, or has none */
export function refuse(
  request: Pick<EdgeRequest, "arrival" | "headers">,
  id: RequestId | undefined,
  thrown: unknown,
): TextAnswer {
  const error = GatewayError.from(thrown);
  const named = id ?? unreadId(request.arrival.request.headers);
  const text = failureText(named, error, request.arrival.id);
  return TextAnswer.json(error.httpStatus, { ...request.headers, ...error.headers }, text);
}

/** A retry goes to the process that holds its parked call. Where that is gone, the call is lost, and the pipeline here says so. */
function continuedElsewhere(
  deps: EdgeDeps,
  request: EdgeRequest,
  { params }: ModernRequest,
  message: JsonObject,
  exact: boolean,
): Promise<HttpAnswer | undefined> | undefined {
  if (typeof params.requestState !== "string") return undefined;
  const owner = ownerElsewhere(deps, params.requestState);
  return owner === undefined ? undefined : forwardTo(deps, request, owner, stringify(message, exact));
}

function requestIdOf(message: JsonObject): RequestId | undefined {
  return isRequestId(message.id) ? message.id : undefined;
}

function discover(deps: EdgeDeps, request: EdgeRequest, read: ModernRequest): TextAnswer {
  const description = deps.relay.describe(request.endpoint, request.principal);
  const result: JsonObject = {
    supportedVersions: [...SUPPORTED_VERSIONS],
    capabilities: description.capabilities,
    ...(description.instructions !== undefined && { instructions: description.instructions }),
    ttlMs: description.ttlMs,
    cacheScope: "private",
  };
  const outcome: Outcome = { kind: "result", result, exact: true };
  const { status, text } = modernAnswer(read.id, read.method, outcome, deps.serverInfo);
  return TextAnswer.json(status, request.headers, text);
}

function call(
  deps: EdgeDeps,
  request: EdgeRequest,
  read: ModernRequest,
  exact: boolean,
): Promise<HttpAnswer> {
  const exchange = new ModernExchange(deps, request, read, exact);
  void run(deps, read, exchange);
  return exchange.reply.response;
}

async function run(deps: EdgeDeps, read: ModernRequest, exchange: ModernExchange): Promise<void> {
  const { reply } = exchange;
  let answer: Answer;
  try {
    const outcome = deps.relay.handle(exchange);
    const settled = outcome instanceof Promise ? await outcome : outcome;
    answer = modernAnswer(read.id, read.method, settled, deps.serverInfo);
  } catch (thrown) {
    const error = GatewayError.from(thrown);
    if (error.code === "internal")
      deps.log.error({ correlationId: exchange.id, err: error.cause }, "call failed");
    reply.finish(error.httpStatus, failureText(read.id, error, exchange.id), error.headers);
    return;
  }
  reply.finish(answer.status, answer.text);
}
