/**
 * What Kubernetes and container links put into the environment of every process, unasked, for a service named
 * `mcp-gateway` or one whose name begins so (`mcp-gateway-redis`): `{NAME}_SERVICE_HOST`, `{NAME}_SERVICE_PORT[_{PORT}]`,
 * `{NAME}_PORT` with a URL, `{NAME}_PORT_{NUMBER}_{PROTOCOL}[_PROTO|_PORT|_ADDR]`.
 */
export function isKubernetesLink(name: string, value: string): boolean {
  if (!name.startsWith("MCP_GATEWAY_")) return false;
  if (/_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/.test(name))
    return true;
  return name.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//i.test(value);
}
