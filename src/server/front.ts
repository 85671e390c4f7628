import { GatewayError } from "../errors/gateway-error.ts";
import type { EndpointTable } from "../gateway/endpoint-table.ts";
import type { Arrival } from "../model/arrival.ts";
import type { IncomingRequest } from "../model/incoming-request.ts";
import type { Log } from "../model/ports/log.ts";
import type { Principal } from "../model/principal.ts";
import { type HttpAnswer, TextAnswer } from "../net/listener/text-answer.ts";
import { bearerChallenge, type ChallengeSettings } from "../policy/authenticate/challenge.ts";
import { corsHeaders, type OriginRule, preflightHeaders } from "../policy/origin/origin.ts";
import type { Next } from "../policy/policy.ts";
import type { EdgeRequest } from "../transports/streamable-http/edge.ts";
import { refuse } from "../transports/streamable-http/modern.ts";
import { opensPath } from "./audience.ts";
import { nextCorrelationId } from "./correlation-id.ts";
import { withLimitFields } from "./limit-fields.ts";
import { problemAnswer } from "./problem.ts";
import { type Match, matchRoute } from "./routes.ts";

/** An arrival with its route and the headers its answer will carry. */
export interface Visit extends Arrival {
  readonly match: Match | undefined;
  readonly headers: Record<string, string>;
}
/** A visit past the door. */
export interface Admitted {
  readonly arrival: Arrival;
  readonly match: Match;
  readonly headers: Record<string, string>;
}

export interface FrontDeps {
  readonly door: (terminal: Next<Arrival, HttpAnswer>) => Next<Arrival, HttpAnswer>;
  readonly origins: OriginRule;
  /** What an answer without a valid credential says of where to get one. */
  readonly challenge: ChallengeSettings;
  /** Told of a credential that is for something else. */
  readonly onRefused: (arrival: Arrival) => void;
  readonly endpoints: EndpointTable;
  /** Serves an MCP endpoint; see `transports/streamable-http/endpoint.ts`. */
  readonly serveMcp: (request: EdgeRequest) => Promise<HttpAnswer>;
  /** Serves the control plane. */
  readonly serveAdmin: (admitted: Admitted) => HttpAnswer | Promise<HttpAnswer>;
  /** Serves what the process says of itself. */
  readonly serveControl: (admitted: Admitted) => HttpAnswer | Promise<HttpAnswer>;
  /** Serves other processes of the installation; checks their signature. */
  readonly receivePeer: (act: string, request: IncomingRequest) => Promise<HttpAnswer>;
  readonly concurrentRequestsMax: number;
  /** Why nothing but open routes is served now; `undefined` as a rule. */
  readonly refusal: () => "starting" | "shutting_down" | undefined;
  readonly secure: boolean;
  readonly log: Log;
}

/**
 * From a socket's request to an answer: correlation id, route, door, plane. Nothing thrown below leaves here as
 * anything but an error of the catalogue.
 */
export class Front {
  readonly #deps: FrontDeps;
  readonly #enter: Next<Arrival, HttpAnswer>;
  #underWay = 0;
  #refused = 0;

  constructor(deps: FrontDeps) {
    this.#deps = deps;
    this.#enter = deps.door((arrival) => this.#admit(arrival as Visit));
  }

  get underWay(): number {
    return this.#underWay;
  }
  get refused(): number {
    return this.#refused;
  }

  async serve(request: IncomingRequest, peerAddress: string): Promise<HttpAnswer> {
    const id = nextCorrelationId();
    const path = pathOf(request.url);
    const match = matchRoute(path);
    const open = match === undefined || match.route.access === "open";
    const visit: Visit = {
      request,
      path,
      id,
      peerAddress,
      credential: open || request.method === "OPTIONS" ? "none" : "required",
      clientAddress: peerAddress,
      principal: undefined,
      closestLimit: undefined,
      match,
      headers: this.#headers(id),
    };
    this.#underWay++;
    try {
      if (match === undefined) throw new GatewayError("not_found");
      // Answers to questions of calls under way come this way while this process ends, too.
      if (match.route.access === "peer") return await this.#deps.receivePeer(match.params.act ?? "", request);
      const refusal = open ? undefined : this.#deps.refusal();
      if (refusal !== undefined) throw new GatewayError(refusal);
      if (!open && this.#underWay > this.#deps.concurrentRequestsMax) throw new GatewayError("overloaded");
      const origin = request.headers.get("origin");
      if (origin !== null && this.#deps.origins.allows(origin))
        Object.assign(visit.headers, corsHeaders(origin));
      return withLimitFields(await this.#enter(visit), visit);
    } catch (thrown) {
      return withLimitFields(this.#refuse(visit, thrown), visit);
    } finally {
      this.#underWay--;
    }
  }

  #headers(id: string): Record<string, string> {
    const headers: Record<string, string> = { "x-request-id": id, "x-content-type-options": "nosniff" };
    if (this.#deps.secure) headers["strict-transport-security"] = "max-age=31536000";
    return headers;
  }

  #preflight(visit: Visit): HttpAnswer {
    const { headers } = visit.request;
    const origin = headers.get("origin");
    if (origin === null) {
      const allow = allowOf(visit.match);
      return new TextAnswer(204, { ...visit.headers, allow }, null);
    }
    const wanted = headers.get("access-control-request-headers");
    const fields = preflightHeaders(origin, wanted, this.#deps.origins.maxAgeMs);
    return new TextAnswer(204, { ...visit.headers, ...fields }, null);
  }

  #admit(visit: Visit): HttpAnswer | Promise<HttpAnswer> {
    const { match, headers, request } = visit;
    if (match === undefined) throw new GatewayError("not_found");
    if (request.method === "OPTIONS") return this.#preflight(visit);
    if (!match.route.methods.includes(request.method)) throw new GatewayError("method_not_allowed");
    this.#checkAudience(visit, match);
    if (match.route.serves === "admin") return this.#deps.serveAdmin({ arrival: visit, match, headers });
    if (match.route.serves !== "mcp") return this.#deps.serveControl({ arrival: visit, match, headers });
    const principal = visit.principal as Principal;
    const { namespace, server } = match.params;
    const { endpoints } = this.#deps;
    const asked = { namespace, server, path: visit.path };
    const endpoint = endpoints.find(asked, principal);
    if (endpoint === undefined) throw endpoints.refusal(asked, principal);
    return this.#deps.serveMcp({
      arrival: visit,
      principal,
      endpoint,
      headers,
      streams: takesStreams(request),
      forwarded: false,
    });
  }

  /** @throws GatewayError `unauthenticated`, whether or not what was asked for is there */
  #checkAudience(visit: Visit, match: Match): void {
    const { endpoints, challenge, onRefused } = this.#deps;
    const { principal, path } = visit;
    if (principal === undefined || opensPath(endpoints, principal, path, match)) return;
    visit.refusal = `a token of ${principal.name} for ${principal.token?.endpoints?.join(", ")} alone`;
    onRefused(visit);
    const error = { error: "invalid_token", error_description: "The token is for another resource." };
    const headers = { "www-authenticate": bearerChallenge(challenge, resourceOf(match, path), error) };
    throw new GatewayError("unauthenticated", {}, { headers });
  }

  #refuse(visit: Visit, thrown: unknown): HttpAnswer {
    this.#refused++;
    const { match, headers } = visit;
    const error = GatewayError.from(thrown);
    if (error.code === "internal") {
      this.#deps.log.error({ correlationId: visit.id, path: visit.path, err: error.cause }, "request failed");
    }
    if (error.httpStatus === 401)
      headers["www-authenticate"] = bearerChallenge(this.#deps.challenge, resourceOf(match, visit.path));
    if (error.code === "method_not_allowed" && match !== undefined) headers.allow = allowOf(match);
    Object.assign(headers, error.headers);
    if (match?.route.serves !== "mcp") return problemAnswer(error, visit.id, headers);
    return refuse({ arrival: visit, headers }, undefined, error);
  }
}

/** What a token is to be for: the endpoint, or the gateway itself, whose administration has no metadata of its own. */
function resourceOf(match: Match | undefined, path: string): string {
  return match?.route.serves === "mcp" ? path : "/";
}

/** Of the path, whether or not what it names is there (RFC 9110, 10.2.1). */
function allowOf(match: Match | undefined): string {
  return [...(match?.route.methods ?? []), "OPTIONS"].join(", ");
}

/** A missing or catch-all `Accept` is taken as JSON only: whoever wants streams says so. */
export function takesStreams(request: IncomingRequest): boolean {
  return request.headers.get("accept")?.includes("text/event-stream") === true;
}

let lastUrl = "";
let lastPath = "";

/** Path of an absolute URL without building a URL object. Most requests have the URL of the one before. */
function pathOf(url: string): string {
  if (url === lastUrl) return lastPath;
  lastPath = cutPath(url);
  lastUrl = url;
  return lastPath;
}

function cutPath(url: string): string {
  const start = url.indexOf("/", 8);
  if (start < 0) return "/";
  const query = url.indexOf("?", start);
  const path = query < 0 ? url.slice(start) : url.slice(start, query);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
