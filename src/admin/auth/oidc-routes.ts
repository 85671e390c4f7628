import { z } from "zod";
import type { IncomingHeaders } from "../../model/incoming-request.ts";
import type { Operation } from "../../model/operation.ts";
import { found } from "../fields.ts";
import type { AdminParts } from "../parts.ts";
import { defineRoute } from "../route.ts";
import { actedAs, tokens } from "./sign-in-routes.ts";

const COOKIE = "mgw_sign_in";

/** Sent back to this provider's callback alone; `Lax`, because the provider's redirect is a navigation from elsewhere. */
function cookie(parts: AdminParts, provider: string, value: string, seconds: number): string {
  const secure = parts.protectedResource().url.startsWith("https:") ? "; Secure" : "";
  return `${COOKIE}=${value}; Path=/auth/oidc/${provider}; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`;
}

function cookieOf(headers: IncomingHeaders): string | undefined {
  const pair = headers
    .get("cookie")
    ?.split(";")
    .map((one) => one.trim())
    .find((one) => one.startsWith(`${COOKIE}=`));
  return pair?.slice(COOKIE.length + 1);
}

function flowOf(parts: AdminParts, operation: Operation, params: Readonly<Record<string, string>>) {
  const name = params.provider ?? "";
  operation.target = `provider:${name}`;
  return { name, flow: found(parts.identity.provider(name)) };
}

export const oidcRoutes = [
  defineRoute({
    id: "oidc-start",
    method: "GET",
    path: "/auth/oidc/{provider}/start",
    access: "open",
    action: "auth.oidc_start",
    summary: "Sends a browser to the identity provider (authorization code flow, PKCE).",
    status: 302,
    refuses: ["not_found", "sign_in_failed"],
    handle: async ({ operation, parts, params }) => {
      const { name, flow } = flowOf(parts, operation, params);
      const { location, attempt, seconds } = await flow.start();
      return { headers: { location, "set-cookie": cookie(parts, name, attempt, seconds) } };
    },
  }),
  defineRoute({
    id: "oidc-callback",
    method: "GET",
    path: "/auth/oidc/{provider}/callback",
    access: "open",
    action: "auth.oidc_login",
    summary: "Where the identity provider sends the browser back: the tokens that a login gives.",
    reads: false,
    query: z.looseObject({
      code: z.string().max(4_096).optional().describe("The provider's authorization code."),
      state: z.string().max(1_024).optional().describe("What the sign-in was begun with."),
    }),
    response: tokens,
    refuses: ["not_found", "sign_in_failed"],
    handle: async ({ operation, parts, params, query, headers }) => {
      const { name, flow } = flowOf(parts, operation, params);
      const signedIn = await flow.finish(query as Record<string, string>, cookieOf(headers));
      actedAs(operation, signedIn.user);
      return {
        body: signedIn.tokens,
        headers: { "set-cookie": cookie(parts, name, "", 0), "referrer-policy": "no-referrer" },
      };
    },
  }),
];
