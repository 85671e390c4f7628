import { expect, test } from "bun:test";
import { networkOf } from "./network.ts";

test.each([
  ["203.0.113.9", "203.0.113.9"],
  ["::ffff:203.0.113.9", "203.0.113.9"],
  ["0:0:0:0:0:FFFF:203.0.113.9", "203.0.113.9"],
  ["::ffff:cb00:7109", "203.0.113.9"],
  ["2001:db8:1:2::1", "2001:db8:1:2/64"],
  ["2001:0DB8:0001:2:ffff:0:0:9", "2001:db8:1:2/64"],
  ["2001:db8::5:0:0:1", "2001:db8:0:0/64"],
  ["fe80::1%eth0", "fe80:0:0:0/64"],
  ["::1", "0:0:0:0/64"],
  ["::", "0:0:0:0/64"],
  ["", ""],
])("%s counts as %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
  expect(networkOf(address)).toBe(network);
});

test("two addresses of one /64 are one client, those of two are two", () => {
  expect(networkOf("2001:db8:1:2::1")).toBe(networkOf("2001:db8:1:2:a:b:c:d"));
  expect(networkOf("2001:db8:1:2::1")).not.toBe(networkOf("2001:db8:1:3::1"));
});
