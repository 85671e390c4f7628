import { GatewayError } from "../../errors/gateway-error.ts";
import type { Arrival } from "../../model/arrival.ts";
import { compileGlob } from "../../model/glob.ts";
import type { Policy } from "../policy.ts";

const CACHE_MAX = 256;

/** Decides which web pages may talk to the gateway: its own origin and those listed (`https://app.example`, `http://localhost:*`). */
export class OriginRule {
  readonly #own: string;
  readonly #globs: readonly ((origin: string) => boolean)[];
  readonly #verdicts = new Map<string, boolean>();

  constructor(url: string, allowedOrigins: readonly string[]) {
    this.#own = new URL(url).origin;
    this.#globs = allowedOrigins.map((origin) => compileGlob(origin.toLowerCase()));
  }

  allows(origin: string): boolean {
    let allowed = this.#verdicts.get(origin);
    if (allowed === undefined) {
      const wanted = origin.toLowerCase();
      allowed = wanted === this.#own || (isOrigin(wanted) && this.#globs.some((matches) => matches(wanted)));
      if (this.#verdicts.size < CACHE_MAX) this.#verdicts.set(origin, allowed);
    }
    return allowed;
  }
}

/** `http://localhost:*` must not match `http://localhost:1@evil.example`. */
function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

/** Refuses browsers' requests from pages of other origins (mcp 2026-07-28 transports: servers MUST validate `Origin`). */
export function originPolicy<R>(rule: OriginRule): Policy<Arrival, R> {
  return (arrival, next) => {
    const origin = arrival.request.headers.get("origin");
    if (origin !== null && !rule.allows(origin)) throw new GatewayError("origin_refused");
    return next(arrival);
  };
}

/** CORS headers for an allowed origin; credentials travel in `Authorization`, never in cookies. */
export function corsHeaders(origin: string): Record<string, string> {
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "Mcp-Session-Id, WWW-Authenticate, X-Request-Id, Retry-After",
    vary: "Origin",
  };
}

export function preflightHeaders(origin: string, requestedHeaders: string | null): Record<string, string> {
  return {
    ...corsHeaders(origin),
    "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
    "access-control-allow-headers": (requestedHeaders ?? "authorization, content-type").slice(0, 2048),
    "access-control-max-age": "600",
  };
}
