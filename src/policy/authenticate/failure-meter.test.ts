import { expect, test } from "bun:test";
import { FailureMeter } from "./failure-meter.ts";

function meterAt(start = 1_000_000) {
  const clock = { at: start, now: () => clock.at };
  return { clock, meter: new FailureMeter(clock, 3) };
}

test("an address waits after three failures in a minute, until the minute is over", () => {
  const { clock, meter } = meterAt();
  for (let i = 0; i < 2; i++) meter.count("203.0.113.9");
  expect(meter.waitSeconds("203.0.113.9")).toBe(0);
  meter.count("203.0.113.9");
  expect(meter.waitSeconds("203.0.113.9")).toBe(60);
  expect(meter.waitSeconds("203.0.113.10")).toBe(0);
  clock.at += 59_001;
  expect(meter.waitSeconds("203.0.113.9")).toBe(1);
  clock.at += 1_000;
  expect(meter.waitSeconds("203.0.113.9")).toBe(0);
  meter.count("203.0.113.9");
  expect(meter.waitSeconds("203.0.113.9")).toBe(0);
});

test.each([
  ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true],
  ["2001:db8:1:2::1", "2001:0DB8:0001:2:0:0:0:7", true],
  ["2001:db8::1", "2001:db8:0:0:5::1", true],
  ["::1", "0:0:0:0:9::", true],
  ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
  ["2001:db8::1", "2001:db8:0:1::1", false],
  ["::ffff:203.0.113.9", "203.0.113.9", true],
  ["::FFFF:203.0.113.9", "203.0.113.9", true],
  ["::ffff:203.0.113.9", "::ffff:203.0.113.10", false],
])("%s and %s share a count: %p", (left, right, shared) => {
  const { meter } = meterAt();
  for (let i = 0; i < 3; i++) meter.count(left);
  expect(meter.waitSeconds(right) > 0).toBe(shared);
});

test("its memory is bounded: of more addresses than it keeps the oldest is forgotten, the newest is not", () => {
  const { meter } = meterAt();
  const address = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
  for (let i = 0; i <= 10_000; i++) for (let n = 0; n < 3; n++) meter.count(address(i));
  expect(meter.waitSeconds(address(0))).toBe(0);
  expect(meter.waitSeconds(address(1))).toBe(60);
  expect(meter.waitSeconds(address(10_000))).toBe(60);
});
