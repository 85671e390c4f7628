import { adminRoutes } from "../admin/routes.ts";

/** Who answers: an MCP endpoint, the process of itself, or the control plane. */
export type Served = "mcp" | "control" | "admin";
/**
 * What a caller needs: nothing, any valid credential, an operator's (platform administrator or operator token), or the
 * signature of another process of the installation.
 */
export type Access = "open" | "caller" | "operator" | "peer";

/** Data: what is served where. */
export interface Route {
  readonly id: string;
  /** `{x}` stands for one path segment. */
  readonly path: string;
  readonly methods: readonly string[];
  readonly serves: Served;
  readonly access: Access;
  readonly description: string;
}

const MCP_METHODS = ["POST", "GET", "DELETE"];

/** The data plane, and what the process says of itself. */
const ownRoutes = [
  {
    id: "live",
    path: "/live",
    methods: ["GET", "HEAD"],
    serves: "control",
    access: "open",
    description: "The process runs.",
  },
  {
    id: "ready",
    path: "/ready",
    methods: ["GET", "HEAD"],
    serves: "control",
    access: "open",
    description: "It takes requests; 503 while starting or shutting down. Details for operators.",
  },
  {
    id: "health",
    path: "/health",
    methods: ["GET", "HEAD"],
    serves: "control",
    access: "open",
    description: "Status and version.",
  },
  {
    id: "index",
    path: "/",
    methods: ["GET"],
    serves: "control",
    access: "open",
    description: "What is where.",
  },
  {
    id: "metrics",
    path: "/metrics",
    methods: ["GET"],
    serves: "control",
    access: "operator",
    description: "Prometheus metrics.",
  },
  {
    id: "mcp",
    path: "/mcp",
    methods: MCP_METHODS,
    serves: "mcp",
    access: "caller",
    description: "All servers of the caller's namespace, merged.",
  },
  {
    id: "mcp-capabilities",
    path: "/mcp/capabilities",
    methods: ["GET"],
    serves: "control",
    access: "caller",
    description: "Revisions and capabilities of /mcp.",
  },
  {
    id: "mcp-status",
    path: "/mcp/status",
    methods: ["GET"],
    serves: "control",
    access: "caller",
    description: "State of the servers the caller may see.",
  },
  {
    id: "namespace-mcp",
    path: "/namespaces/{namespace}/mcp",
    methods: MCP_METHODS,
    serves: "mcp",
    access: "caller",
    description: "All servers of a namespace, merged.",
  },
  {
    id: "namespace-server-mcp",
    path: "/namespaces/{namespace}/servers/{server}/mcp",
    methods: MCP_METHODS,
    serves: "mcp",
    access: "caller",
    description: "One server of a namespace, by id or name.",
  },
  {
    id: "server-mcp",
    path: "/servers/{server}/mcp",
    methods: MCP_METHODS,
    serves: "mcp",
    access: "caller",
    description: "One server, by id or name, with its own tool names.",
  },
  {
    id: "peers",
    path: "/cluster/{act}",
    methods: ["POST"],
    serves: "control",
    access: "peer",
    description: "Other processes of this installation; nobody else gets further than 401.",
  },
  {
    id: "server-short",
    path: "/{server}",
    methods: MCP_METHODS,
    serves: "mcp",
    access: "caller",
    description: "Short for /servers/{server}/mcp.",
  },
] as const satisfies readonly Route[];

/** Rows of the control plane: one a path, made of the routes that share it. */
function administrationRoutes(): Route[] {
  const byPath = new Map<string, Route & { methods: string[]; access: Access }>();
  for (const { id, method, path, access, summary } of adminRoutes) {
    const known = byPath.get(path);
    const methods: string[] = method === "GET" ? ["GET", "HEAD"] : [method];
    if (known === undefined) {
      byPath.set(path, { id, path, methods, serves: "admin", access, description: summary });
      continue;
    }
    if ((known.access === "open") !== (access === "open"))
      throw new Error(`${path} is ${known.access} and ${access}`);
    // What an operator alone may, the role table says of each method.
    if (access === "caller") known.access = access;
    known.methods.push(...methods);
  }
  return [...byPath.values()];
}

/**
 * Every route of the gateway. What is open is said here and in the routes of the control plane, and nowhere else; tests
 * derive the 401 check and the role table from this table. Paths without places go before those with.
 */
export const routes: readonly Route[] = [...ownRoutes, ...administrationRoutes()];

export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

const NO_PARAMS: Readonly<Record<string, string>> = {};
const exact = new Map<string, Match>();
const patterns: { readonly segments: readonly string[]; readonly route: Match["route"] }[] = [];
for (const route of routes) {
  if (route.path.includes("{")) patterns.push({ segments: route.path.slice(1).split("/"), route });
  else exact.set(route.path, { route, params: NO_PARAMS });
}
const CACHE_MAX = 1_000;
const cache = new Map<string, Match>();

/** The route of a path. Pattern matches are remembered, bounded, because clients repeat few paths. */
export function matchRoute(path: string): Match | undefined {
  const known = exact.get(path) ?? cache.get(path);
  if (known !== undefined) return known;
  const segments = path.slice(1).split("/");
  for (const { segments: pattern, route } of patterns) {
    const params = matchSegments(pattern, segments);
    if (params === undefined) continue;
    const match = { route, params };
    if (cache.size >= CACHE_MAX) cache.clear();
    cache.set(path, match);
    return match;
  }
  return undefined;
}

function matchSegments(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (let i = 0; i < pattern.length; i++) {
    const expected = pattern[i] as string;
    const segment = segments[i] as string;
    if (!expected.startsWith("{")) {
      if (expected !== segment) return undefined;
    } else if (/^[A-Za-z0-9.-]{1,64}$/.test(segment)) params[expected.slice(1, -1)] = segment;
    else return undefined;
  }
  return params;
}
