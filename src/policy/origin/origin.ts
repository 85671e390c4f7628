import { GatewayError } from "../../errors/gateway-error.ts";
import type { Arrival } from "../../model/arrival.ts";
import { compileGlob } from "../../model/glob.ts";
import type { Policy } from "../policy.ts";

const CACHE_MAX = 256;
const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];

/** Decides which web pages may talk to the gateway: its own origin and those listed (`https://app.example`, `http://localhost:*`). */
export class OriginRule {
  readonly #own: ReadonlySet<string>;
  readonly #globs: readonly ((origin: string) => boolean)[];
  readonly #verdicts = new Map<string, boolean>();

  /** How long a browser may keep a preflight answer. */
  readonly maxAgeMs: number;

  constructor(url: string, allowedOrigins: readonly string[], maxAgeMs = 600_000) {
    this.maxAgeMs = maxAgeMs;
    this.#own = new Set(ownOrigins(new URL(url)));
    this.#globs = allowedOrigins.map((origin) => compileGlob(origin.toLowerCase()));
  }

  allows(origin: string): boolean {
    let allowed = this.#verdicts.get(origin);
    if (allowed === undefined) {
      const wanted = origin.toLowerCase();
      allowed = this.#own.has(wanted) || (isOrigin(wanted) && this.#globs.some((matches) => matches(wanted)));
      if (this.#verdicts.size < CACHE_MAX) this.#verdicts.set(origin, allowed);
    }
    return allowed;
  }
}

/** A gateway on loopback is reached under each of its names, and its own pages are opened under each. */
function ownOrigins(url: URL): readonly string[] {
  if (!LOOPBACK_NAMES.includes(url.hostname)) return [url.origin];
  return LOOPBACK_NAMES.map((name) => new URL(`${url.protocol}//${name}:${url.port}`).origin);
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

const EXPOSED = [
  ...["Mcp-Session-Id", "WWW-Authenticate", "X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"],
  ...["ETag", "Location", "Allow", "Idempotency-Replayed", "Content-Disposition"],
].join(", ");

/** CORS headers for an allowed origin; credentials travel in `Authorization`, never in cookies. */
export function corsHeaders(origin: string): Record<string, string> {
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": EXPOSED,
    vary: "Origin",
  };
}

export function preflightHeaders(
  origin: string,
  requestedHeaders: string | null,
  maxAgeMs: number,
): Record<string, string> {
  return {
    ...corsHeaders(origin),
    "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
    "access-control-allow-headers": (requestedHeaders ?? "authorization, content-type").slice(0, 2048),
    "access-control-max-age": String(Math.floor(maxAgeMs / 1000)),
  };
}
