import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import { METADATA_PATH } from "../../policy/authenticate/challenge.ts";
import { type AdminRoute, defineRoute } from "../route.ts";

/** Endpoints a client may be protected at, as the manifest names and spells them. */
const RESOURCES = {
  "resource-metadata": "",
  "resource-metadata-mcp": "/mcp",
  "resource-metadata-namespace-mcp": "/namespaces/{namespace}/mcp",
  "resource-metadata-namespace-server-mcp": "/namespaces/{namespace}/servers/{server}/mcp",
  "resource-metadata-server-mcp": "/servers/{server}/mcp",
  "resource-metadata-server-short": "/{server}",
};

const metadata = z.object({
  resource: z.string(),
  authorization_servers: z.array(z.string()),
  bearer_methods_supported: z.array(z.string()),
  scopes_supported: z.array(z.string()),
  resource_name: z.string(),
});

/**
 * OAuth 2.0 protected resource metadata (RFC 9728) of every endpoint, made of its path alone: the same whether or not
 * there is such a server. 404 where no authorization server is configured.
 */
export const resourceMetadataRoutes: readonly AdminRoute[] = Object.entries(RESOURCES).map(([id, resource]) =>
  defineRoute({
    id,
    method: "GET",
    path: `${METADATA_PATH}${resource}`,
    access: "open",
    action: "auth.resource_metadata",
    summary: "Where clients of this endpoint get their tokens (RFC 9728).",
    response: metadata,
    refuses: ["not_found"],
    handle: async ({ parts, params }) => {
      const { url, issuers, scopes } = parts.protectedResource();
      if (issuers.length === 0) throw new GatewayError("not_found");
      const path = resource.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name] ?? "");
      return {
        body: {
          resource: `${url}${path}`,
          authorization_servers: [...issuers],
          bearer_methods_supported: ["header"],
          scopes_supported: [...scopes],
          resource_name: "MCP Gateway",
        },
        headers: { "access-control-allow-origin": "*", "cache-control": "public, max-age=300" },
      };
    },
  }),
);
