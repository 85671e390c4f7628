import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import { defineRoute } from "../route.ts";

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

export const tokenRoutes = [
  defineRoute({
    id: "a2a-token",
    method: "POST",
    path: "/auth/a2a/token",
    access: "open",
    action: "auth.a2a_token",
    summary:
      "Client credentials (RFC 6749, 4.4): an a2a key as `client_secret`, Basic password or Bearer credential, or an assertion it signed (RFC 7523), for a token of ten minutes that is never wider.",
    takesForms: true,
    oauthErrors: true,
    body: z.object({
      grant_type: z.string(),
      client_id: z.string().max(256).optional(),
      client_secret: z.string().max(4_096).optional(),
      client_assertion_type: z.string().max(256).optional(),
      client_assertion: z.string().max(16_384).optional(),
      scope: z.string().max(16_384).optional().describe("Permission patterns, divided by spaces."),
    }),
    response: z
      .object({
        access_token: z.string(),
        token_type: z.literal("Bearer"),
        expires_in: z.number(),
        scope: z.string(),
      })
      .meta({ id: "ClientToken" }),
    refuses: ["invalid_client", "unsupported_grant_type", "invalid_scope"],
    handle: async ({ operation, parts, body, headers }) => {
      if (body.grant_type !== "client_credentials") throw new GatewayError("unsupported_grant_type");
      if (body.client_assertion !== undefined && body.client_assertion_type !== JWT_BEARER) {
        throw new GatewayError("invalid_client");
      }
      const { client, token } = await parts.identity.clientTokens.exchange(
        {
          key: body.client_secret ?? secretIn(headers.get("authorization")),
          assertion: body.client_assertion,
          scope: body.scope,
        },
        (organizationId, keyId) => {
          operation.organizationId = organizationId;
          operation.target = `api_key:${keyId}`;
        },
      );
      operation.actor = client;
      return { body: token, headers: { pragma: "no-cache" } };
    },
  }),
  defineRoute({
    id: "jwks",
    method: "GET",
    path: "/.well-known/jwks.json",
    access: "open",
    action: "auth.jwks",
    summary: "The public keys of the gateway's own tokens.",
    response: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
    handle: async ({ parts }) => ({
      body: await parts.identity.jwks(),
      headers: { "cache-control": "public, max-age=300" },
    }),
  }),
];

/** The key of `Authorization: Basic …` (its password, or its user name alone) or `Bearer …`. */
function secretIn(authorization: string | null): string | undefined {
  const [scheme, value] = authorization?.split(" ", 2) ?? [];
  if (value === undefined) return undefined;
  if (scheme?.toLowerCase() === "bearer") return value;
  if (scheme?.toLowerCase() !== "basic") return undefined;
  const text = Buffer.from(value, "base64").toString("utf8");
  const [name = "", secret = ""] = [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)];
  try {
    return decodeURIComponent(secret === "" ? name : secret);
  } catch {
    return undefined;
  }
}
