import { isIP } from "node:net";
import { GatewayError } from "../errors/gateway-error.ts";
import { type HostSettings, hostName, servedHosts } from "../policy/host/host.ts";
import { OPERATOR } from "./builtin-principals.ts";
import { type ControlDeps, serveControl } from "./control.ts";
import { nextCorrelationId } from "./correlation-id.ts";
import { problemAnswer } from "./problem.ts";
import { matchRoute } from "./routes.ts";

const PATHS: ReadonlySet<string> = new Set(["/metrics", "/ready", "/live", "/health"]);
/** Seconds without a byte before a connection is closed. */
const IDLE_SECONDS = 10;

/**
 * `telemetry.listen`: metrics and readiness with its details on an address of their own, where nobody is asked for a
 * credential. Whoever reaches the address is the operator; a page whose name was rebound to it is not served.
 * @returns what closes it
 * @throws Error that says what to do where the port cannot be had
 */
export function openOperatorPort(
  at: { readonly host: string; readonly port: number } | undefined,
  hosts: Omit<HostSettings, "boundTo">,
  control: ControlDeps,
): () => Promise<void> {
  if (at === undefined) return async () => {};
  const names = servedHosts({ ...hosts, boundTo: at.host });
  const answer = async (request: Request, peerAddress: string): Promise<Response> => {
    const id = nextCorrelationId();
    const headers: Record<string, string> = { "x-request-id": id, "x-content-type-options": "nosniff" };
    try {
      const host = hostName(request.headers.get("host") ?? "");
      if (!names.has(host) && isIP(host.replace(/^\[|\]$/g, "")) === 0)
        throw new GatewayError("host_refused");
      const path = new URL(request.url).pathname;
      const match = PATHS.has(path) ? matchRoute(path) : undefined;
      if (match === undefined) throw new GatewayError("not_found");
      if (!match.route.methods.includes(request.method)) {
        headers.allow = match.route.methods.join(", ");
        throw new GatewayError("method_not_allowed");
      }
      const arrival = {
        request,
        path,
        id,
        peerAddress,
        clientAddress: peerAddress,
        principal: OPERATOR,
        closestLimit: undefined,
      };
      const admitted = { arrival: { ...arrival, credential: "none" as const }, match, headers };
      return (await serveControl(control, admitted)).toResponse();
    } catch (thrown) {
      return problemAnswer(thrown, id, headers).toResponse();
    }
  };
  try {
    const server = Bun.serve({
      hostname: at.host,
      port: at.port,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: 0,
      fetch: (request, own) => answer(request, own.requestIP(request)?.address ?? ""),
      error: () => new Response(null, { status: 500 }),
    });
    return () => server.stop(true);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    const place = `port ${at.port} of ${at.host} cannot be opened for metrics${code}`;
    throw new Error(`${place}: choose another with telemetry.listen or MCP_GATEWAY_TELEMETRY_LISTEN`, {
      cause,
    });
  }
}
