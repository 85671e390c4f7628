import type { EndpointTable } from "../gateway/endpoint-table.ts";
import type { Endpoint } from "../model/exchange.ts";
import type { Principal } from "../model/principal.ts";
import { type Match, matchRoute } from "./routes.ts";

/**
 * Whether a caller's token opens a path (RFC 8707, 2). One issued for single endpoints of the gateway opens these alone, by
 * whichever of their URLs, and nothing of the control plane; every other credential opens all.
 */
export function opensPath(
  endpoints: EndpointTable,
  principal: Principal,
  path: string,
  match: Match,
): boolean {
  const named = principal.token?.endpoints;
  if (named === undefined || named.includes(path)) return true;
  const asked = endpointAt(endpoints, principal, path, match);
  if (asked === undefined) return false;
  return named.some((one) => {
    const meant = endpointAt(endpoints, principal, one, matchRoute(one));
    return meant?.namespaceId === asked.namespaceId && meant.server?.id === asked.server?.id;
  });
}

function endpointAt(
  endpoints: EndpointTable,
  principal: Principal,
  path: string,
  match: Match | undefined,
): Endpoint | undefined {
  if (match?.route.serves !== "mcp") return undefined;
  const { namespace, server } = match.params;
  return endpoints.find({ namespace, server, path }, principal);
}
