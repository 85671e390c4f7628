/**
 * First path segments of the gateway's own routes, and words kept for later ones. A server of such a name could not be
 * reached at `/{server}`, or would hide a route.
 */
export const reservedNames: ReadonlySet<string> = new Set([
  "admin",
  "api",
  "assets",
  "auth",
  "docs",
  "favicon",
  "gateway",
  "health",
  "jwks",
  "live",
  "login",
  "logout",
  "mcp",
  "metrics",
  "namespaces",
  "oauth",
  "openapi",
  "policies",
  "ready",
  "rpc",
  "servers",
  "sse",
  "static",
  "stdio",
  "ui",
  "virtual",
  "well-known",
  "ws",
]);
