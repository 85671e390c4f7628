import { expect, test } from "bun:test";
import { arrivalOf } from "../arrival.testing.ts";
import { clientAddressPolicy } from "./client-address.ts";

const proxies = ["10.0.0.0/8", "192.0.2.1", "fd00::/8"];
function addressOf(peerAddress: string, forwardedFor: string | undefined, trusted = proxies): string {
  const headers: Record<string, string> =
    forwardedFor === undefined ? {} : { "x-forwarded-for": forwardedFor };
  const arrival = arrivalOf(headers, { peerAddress });
  clientAddressPolicy<undefined>(trusted)(arrival, () => undefined);
  expect(arrival.peerAddress).toBe(peerAddress);
  return arrival.clientAddress;
}

test.each([
  ["nobody is trusted", "198.51.100.4", "1.2.3.4", [], "198.51.100.4"],
  [
    "the peer is no proxy of ours: its header is worth nothing",
    "198.51.100.4",
    "1.2.3.4",
    proxies,
    "198.51.100.4",
  ],
  ["one proxy", "10.1.1.1", "203.0.113.9", proxies, "203.0.113.9"],
  [
    "what the client wrote itself stands further left",
    "10.1.1.1",
    "1.2.3.4, 203.0.113.9",
    proxies,
    "203.0.113.9",
  ],
  ["a chain of our proxies", "10.1.1.1", "203.0.113.9, 192.0.2.1,10.2.2.2", proxies, "203.0.113.9"],
  ["only our proxies", "10.1.1.1", "10.3.3.3, 10.2.2.2", proxies, "10.3.3.3"],
  ["no header", "10.1.1.1", undefined, proxies, "10.1.1.1"],
  ["garbage", "10.1.1.1", "unknown", proxies, "10.1.1.1"],
  ["garbage further left", "10.1.1.1", "203.0.113.9, evil, 10.2.2.2", proxies, "10.2.2.2"],
  ["an empty entry", "10.1.1.1", "203.0.113.9,", proxies, "10.1.1.1"],
  ["an IPv4-mapped peer", "::ffff:10.1.1.1", "203.0.113.9", proxies, "203.0.113.9"],
  ["an IPv4-mapped client", "10.1.1.1", "::FFFF:203.0.113.9", proxies, "203.0.113.9"],
  ["IPv6", "fd00::5", "2001:db8::9", proxies, "2001:db8::9"],
  ["an address with a port is not guessed at", "10.1.1.1", "203.0.113.9:443", proxies, "10.1.1.1"],
] as const)("%s", (_what, peer, forwarded, trusted, expected) => {
  expect(addressOf(peer, forwarded, [...trusted])).toBe(expected);
});
