import { expect, test } from "bun:test";
import fc from "fast-check";
import { LineReader } from "./line-reader.ts";

test("however the bytes are cut, the lines are the same", () => {
  const line = fc.string({ unit: "grapheme" }).map((text) => text.replace(/\n/g, "").trim());
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat({ max: 40 })), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((one) => `${one}\n`).join(""));
      const read: string[] = [];
      const reader = new LineReader(1_000_000, (one) => read.push(one));
      let at = 0;
      for (const cut of cuts) {
        expect(reader.push(Uint8Array.from(bytes.subarray(at, at + cut)))).toBe(true);
        at += cut;
      }
      reader.push(bytes.subarray(Math.min(at, bytes.length)));
      expect(read).toEqual(lines.filter((one) => one !== ""));
    }),
  );
});

test.each([
  ["in one chunk", ["x".repeat(11)]],
  ["in many", ["xxxxxx", "xxxxx"]],
  ["with its end", [`${"x".repeat(11)}\n`]],
  ["after a good one", ["ok\n", "x".repeat(11)]],
])("a line past the bound is refused %s", (_, chunks) => {
  const reader = new LineReader(10, () => {});
  expect(chunks.map((chunk) => reader.push(Buffer.from(chunk))).at(-1)).toBe(false);
});

test("a line of just the bound is taken", () => {
  const read: string[] = [];
  const reader = new LineReader(10, (one) => read.push(one));
  expect(reader.push(Buffer.from(`${"x".repeat(10)}\n${"y".repeat(10)}\n`))).toBe(true);
  expect(read).toHaveLength(2);
});
