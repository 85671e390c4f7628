import type { EdgeDeps, EdgeRequest } from "./edge.ts";
import { parseOwnedId } from "./owned-id.ts";

/** Headers a process needs to serve what another one received; the credential is not among them. */
const FORWARDED_HEADERS = new Set(["accept", "content-type", "last-event-id", "traceparent", "tracestate"]);
const PROTOCOL_PREFIX = "mcp-";
const ANSWER_HEADERS = [
  ...["content-type", "cache-control", "x-accel-buffering"],
  ...["retry-after", "ratelimit", "ratelimit-policy"],
];

/** The living or dead process an id of ours leads to, where it is not this one. */
export function ownerElsewhere(deps: EdgeDeps, id: string): string | undefined {
  const owned = parseOwnedId(id);
  const owner = owned && deps.peers.ownerOf(owned.mark);
  return owner === deps.peers.id ? undefined : owner;
}

/**
 * Has the owner serve the request, and streams its answer. `undefined` where the owner is gone, or the request was
 * forwarded already: it is never sent around.
 */
export async function forwardTo(
  deps: EdgeDeps,
  request: EdgeRequest,
  ownerId: string,
  body: string,
): Promise<Response | undefined> {
  if (request.forwarded) return undefined;
  const { arrival, principal } = request;
  const { request: http } = arrival;
  const headers: Record<string, string> = {};
  for (const [name, value] of http.headers) {
    if (FORWARDED_HEADERS.has(name) || name.startsWith(PROTOCOL_PREFIX)) headers[name] = value;
  }
  const answer = await deps.peers.forward(ownerId, {
    method: http.method,
    path: arrival.path,
    headers,
    body,
    principal,
    correlationId: arrival.id,
    clientAddress: arrival.clientAddress,
    signal: http.signal,
  });
  if (answer === undefined) return undefined;
  return new Response(answer.body, { status: answer.status, headers: answerHeaders(answer, request) });
}

/** What the owner says of its answer; how it came here is nobody's business. */
function answerHeaders(answer: Response, request: EdgeRequest): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of ANSWER_HEADERS) {
    const value = answer.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return { ...headers, ...request.headers };
}
