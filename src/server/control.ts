import { GatewayError } from "../errors/gateway-error.ts";
import type { EndpointTable } from "../gateway/endpoint-table.ts";
import type { Fleet } from "../gateway/fleet.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { Arrival } from "../model/arrival.ts";
import type { Endpoint } from "../model/exchange.ts";
import type { IncomingRequest } from "../model/incoming-request.ts";
import type { Upstream } from "../model/ports/upstream.ts";
import type { Principal } from "../model/principal.ts";
import { TextAnswer } from "../net/listener/text-answer.ts";
import type { PermissionCache } from "../policy/authorize/permission-cache.ts";
import { SUPPORTED_REVISIONS } from "../protocol/revision.ts";
import type { Admitted } from "./front.ts";
import { type Route, routes } from "./routes.ts";

export interface ControlDeps {
  readonly gateway: Pick<Gateway, "describe" | "servers">;
  readonly fleet: Fleet;
  readonly endpoints: EndpointTable;
  readonly permissions: PermissionCache;
  readonly version: string;
  readonly readiness: () => { readonly ready: boolean; readonly details: Readonly<Record<string, unknown>> };
  readonly metrics: () => Promise<{ readonly text: string; readonly contentType: string }>;
  /** Who presents an open route's optional credential; `undefined` where it is none or not valid. */
  readonly identify: (request: IncomingRequest) => Promise<Principal | undefined>;
}

/** A server as `/ready` shows it to operators. */
export function serverReadiness({ server, state }: Pick<Upstream, "server" | "state">) {
  const { status, reason, era, revision, breaker, inFlight, retryAt, sessions } = state;
  return {
    name: server.name,
    status,
    reason,
    era,
    revision,
    breaker,
    in_flight: inFlight,
    retry_at: retryAt === undefined ? undefined : new Date(retryAt).toISOString(),
    sessions,
  };
}

/** Health, readiness, metrics, and what a caller may know of its endpoint. */
export async function serveControl(deps: ControlDeps, admitted: Admitted): Promise<TextAnswer> {
  const { match, headers, arrival } = admitted;
  const json = (value: unknown, status = 200) =>
    TextAnswer.json(status, { ...headers, "cache-control": "no-store" }, JSON.stringify(value));
  switch (match.route.id) {
    case "live":
      return json({ status: "ok" });
    case "health":
      return json({ status: deps.readiness().ready ? "ok" : "unavailable", version: deps.version });
    case "ready": {
      const { ready, details } = deps.readiness();
      const shown = (await isOperator(deps, arrival)) ? details : {};
      return json({ status: ready ? "ready" : "unavailable", ...shown }, ready ? 200 : 503);
    }
    case "index":
      return json({
        name: "mcp-gateway",
        version: deps.version,
        routes: (routes as readonly Route[])
          .filter(({ access }) => access !== "peer")
          .map(({ path, description }) => ({ path, description })),
      });
    case "metrics": {
      if (arrival.principal?.platformAdmin !== true) throw new GatewayError("forbidden");
      const { text, contentType } = await deps.metrics();
      return new TextAnswer(200, { ...headers, "content-type": contentType }, text);
    }
    case "mcp-capabilities":
      return json(
        capabilities(deps, ownEndpoint(deps, arrival.principal as Principal), arrival.principal as Principal),
      );
    case "mcp-status":
      return json({ servers: visibleServers(deps, arrival.principal as Principal) });
    default:
      throw new GatewayError("not_found");
  }
}

async function isOperator(deps: ControlDeps, { principal, request }: Arrival): Promise<boolean> {
  if (principal !== undefined) return principal.platformAdmin;
  if (request.headers.get("authorization") === null) return false;
  return (await deps.identify(request))?.platformAdmin === true;
}

function ownEndpoint(deps: ControlDeps, principal: Principal): Endpoint {
  const endpoint = deps.endpoints.find({ namespace: undefined, server: undefined, path: "/mcp" }, principal);
  if (endpoint === undefined) throw new GatewayError("not_found");
  return endpoint;
}

function capabilities(deps: ControlDeps, endpoint: Endpoint, principal: Principal) {
  const description = deps.gateway.describe(endpoint, principal);
  return {
    revisions: SUPPORTED_REVISIONS,
    server_info: description.serverInfo,
    capabilities: description.capabilities,
    instructions: description.instructions ?? null,
  };
}

/** What an operator sees of a server's failure may name addresses; others learn only that it is not there. */
function visibleServers(deps: ControlDeps, principal: Principal) {
  const caller = { principal, endpoint: ownEndpoint(deps, principal) };
  const namespace = deps.fleet
    .organization(principal.organizationId)
    ?.namespacesById.get(principal.namespaceId);
  if (namespace === undefined) throw new GatewayError("not_found");
  const permissions = deps.permissions.of(principal, namespace.slug);
  const detailed = principal.platformAdmin || (principal.role === "admin" && principal.isNarrowed !== true);
  return namespace.servers
    .filter((server) => permissions.server(server.name))
    .map((server) => {
      const upstream = deps.gateway.servers.upstream(caller, server.id);
      const state = upstream?.state;
      const part = deps.gateway.servers.catalog(caller)?.part(server.id);
      return {
        id: server.id,
        name: server.name,
        description: server.description,
        type: deps.gateway.servers.serving(caller, server).connection.type,
        status: state?.status ?? "closed",
        revision: state?.revision ?? null,
        tools: part?.entries.tools.length ?? 0,
        resources: part?.entries.resources.length ?? 0,
        prompts: part?.entries.prompts.length ?? 0,
        ...(detailed && {
          reason: state?.reason ?? null,
          breaker: state?.breaker ?? null,
          in_flight: state?.inFlight ?? 0,
          sessions: state?.sessions ?? 0,
          excluded: upstream?.lists?.excluded ?? [],
        }),
      };
    });
}
