import { BlockList, isIP } from "node:net";
import type { Arrival } from "../../model/arrival.ts";
import { ownText } from "../../model/own-text.ts";
import type { Policy } from "../policy.ts";

/**
 * Finds the client's address behind trusted proxies: the right-most entry of `X-Forwarded-For` that is not itself a
 * trusted proxy. A header from any other peer is ignored.
 */
export function clientAddressPolicy<R>(trustedProxies: readonly string[]): Policy<Arrival, R> {
  if (trustedProxies.length === 0) return (arrival, next) => next(arrival);
  const trusted = new BlockList();
  for (const entry of trustedProxies) {
    const [address = "", bits] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  const isTrusted = (address: string) => {
    const plain = withoutMapping(address);
    const version = isIP(plain);
    return version !== 0 && trusted.check(plain, version === 6 ? "ipv6" : "ipv4");
  };
  return (arrival, next) => {
    if (isTrusted(arrival.peerAddress)) {
      const forwarded = arrival.request.headers.get("x-forwarded-for")?.split(",") ?? [];
      let found: string | undefined;
      for (let i = forwarded.length - 1; i >= 0; i--) {
        const hop = (forwarded[i] as string).trim();
        if (isIP(hop) === 0) break;
        found = withoutMapping(hop);
        if (!isTrusted(hop)) break;
      }
      // It is kept for as long as somebody counts by it.
      if (found !== undefined) arrival.clientAddress = ownText(found);
    }
    return next(arrival);
  };
}

/** An IPv4 address is one client's, also where a proxy of both families writes it as IPv6. */
function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}
