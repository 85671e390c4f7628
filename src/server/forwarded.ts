import { GatewayError } from "../errors/gateway-error.ts";
import type { EndpointTable } from "../gateway/endpoint-table.ts";
import type { Arrival } from "../model/arrival.ts";
import { type HttpAnswer, responseOf } from "../net/listener/text-answer.ts";
import type { Envelope } from "../peers/envelope.ts";
import type { JsonObject } from "../protocol/json-value.ts";
import { isRequestId, type RequestId } from "../protocol/jsonrpc.ts";
import type { EdgeRequest } from "../transports/streamable-http/edge.ts";
import { refuse } from "../transports/streamable-http/modern.ts";
import { takesStreams } from "./front.ts";
import { withLimitFields } from "./limit-fields.ts";
import { matchRoute } from "./routes.ts";

export interface ForwardedDeps {
  readonly endpoints: EndpointTable;
  readonly serveMcp: (request: EdgeRequest) => Promise<HttpAnswer>;
}

/** Serves what another process received: its door has decided who is calling, this one holds what the request is about. */
export async function serveForwarded(
  deps: ForwardedDeps,
  envelope: Envelope,
  signal: AbortSignal,
): Promise<Response> {
  const { method, path, headers, body, principal, correlationId, clientAddress } = envelope;
  const request = new Request(`http://peer${path}`, {
    method,
    headers: { ...headers },
    signal,
    ...(method !== "GET" && { body }),
  });
  const arrival: Arrival = {
    request,
    path,
    id: correlationId,
    peerAddress: clientAddress,
    credential: "required",
    clientAddress,
    principal,
    closestLimit: undefined,
  };
  const match = matchRoute(path);
  const { namespace, server } = match?.params ?? {};
  const isEndpoint = match?.route.serves === "mcp";
  const endpoint = isEndpoint ? deps.endpoints.find({ namespace, server, path }, principal) : undefined;
  const edge = { arrival, headers: { "x-request-id": correlationId } };
  if (endpoint === undefined) return responseOf(refuse(edge, idIn(body), new GatewayError("not_found")));
  const streams = takesStreams(request);
  const answer = await deps.serveMcp({ ...edge, principal, endpoint, streams, forwarded: true });
  return responseOf(withLimitFields(answer, arrival));
}

/** Of the message another process read and wrote again; none in a GET. */
function idIn(body: string): RequestId | undefined {
  const { id } = body === "" ? { id: undefined } : (JSON.parse(body) as JsonObject);
  return isRequestId(id) ? id : undefined;
}
