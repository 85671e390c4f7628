import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

test.each([
  ["0", 0],
  ["250ms", 250],
  ["30s", 30_000],
  ["1h30m", 5_400_000],
  ["1.5s", 1500],
  ["7d", 604_800_000],
])("duration %s is %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "30", "s", "-5s", "5 s", "5y", "5s!", "1e3s"])("%p is no duration", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  ["512", 512],
  ["4MiB", 4_194_304],
  ["4MB", 4_000_000],
  ["1.5KiB", 1536],
  ["2 gib", 2_147_483_648],
])("size %s is %d bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "MiB", "-1", "4M", "4 miles"])("%p is no size", (text) => {
  expect(parseSize(text)).toBeUndefined();
});

test("what is formatted reads back the same", () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 50 }), (value) => {
      expect(parseDuration(formatDuration(value))).toBe(value);
      expect(parseSize(formatSize(value))).toBe(value);
    }),
  );
});
