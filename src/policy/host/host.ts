import { GatewayError } from "../../errors/gateway-error.ts";
import type { Arrival } from "../../model/arrival.ts";
import type { Policy } from "../policy.ts";

export interface HostSettings {
  /** The gateway's own URL. */
  readonly url: string;
  /** Further names; a port in them does not matter. */
  readonly allowedHosts: readonly string[];
  /** Address the listener is bound to. */
  readonly boundTo: string;
}

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];
/** Probes of orchestrators name whatever address they dial. */
const EXEMPT_PATHS = new Set(["/live", "/ready", "/health"]);
const CACHE_MAX = 256;

/**
 * Refuses a `Host` this gateway does not serve, which is what a page that rebinds its DNS name to this address sends.
 * Ports are not compared: the name is what an attacker's page cannot choose.
 */
export function hostPolicy<R>(settings: HostSettings): Policy<Arrival, R> {
  const names = servedHosts(settings);
  const verdicts = new Map<string, boolean>();
  return (arrival, next) => {
    const host = arrival.request.headers.get("host") ?? "";
    let allowed = verdicts.get(host);
    if (allowed === undefined) {
      allowed = names.has(hostName(host));
      if (verdicts.size < CACHE_MAX) verdicts.set(host, allowed);
    }
    if (!allowed && !EXEMPT_PATHS.has(arrival.path)) throw new GatewayError("host_refused");
    return next(arrival);
  };
}

/** The names a `Host` may have, as `hostName` gives them. */
export function servedHosts({ url, allowedHosts, boundTo }: HostSettings): ReadonlySet<string> {
  const names = new Set([
    new URL(url).hostname,
    ...allowedHosts.map((name) => hostName(name) || name.toLowerCase()),
  ]);
  if (isLoopbackAddress(boundTo)) for (const name of LOOPBACK_NAMES) names.add(name);
  return names;
}

/** Of a `Host` header, without its port, in lower case; empty for what is none. */
export function hostName(host: string): string {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+)(?::\d{1,5})?$/.exec(host);
  return match?.[1]?.toLowerCase().replace(/\.$/, "") ?? "";
}

/** 127.0.0.0/8, ::1 and IPv4-mapped forms of the former. */
export function isLoopbackAddress(address: string): boolean {
  return address === "localhost" || address === "::1" || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address);
}
