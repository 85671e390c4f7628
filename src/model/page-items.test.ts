import { expect, test } from "bun:test";
import { PageItems } from "./page-items.ts";

const texts = ['"ä"', '"🦊"', "{}", '"x"'];

test("a page is the same text however often it is written, as text and as bytes, and touches nothing else", () => {
  const items = new PageItems(texts);
  expect([items.length, items.bytesMax]).toEqual([15, 45]);
  for (let time = 0; time < 4; time++) {
    const buffer = Buffer.alloc(items.bytesMax + 20, 0x2e);
    const end = items.writeInto(buffer, 7);
    expect(buffer.toString("utf8", 7, end)).toBe('"ä","🦊",{},"x"');
    expect(items.toString()).toBe('"ä","🦊",{},"x"');
    expect(buffer.toString("utf8", 0, 7) + buffer.toString("utf8", end)).toMatch(/^\.+$/);
  }
});

test("what it was written into is its reader's own", () => {
  const items = new PageItems(texts);
  const buffer = Buffer.alloc(items.bytesMax);
  for (let time = 0; time < 3; time++) {
    const end = items.writeInto(buffer, 0);
    buffer.fill(0, 0, end);
  }
  expect(items.toString()).toBe('"ä","🦊",{},"x"');
});

test("an empty page", () => {
  const items = new PageItems([]);
  expect([items.length, items.writeInto(Buffer.alloc(0), 0), items.toString()]).toEqual([0, 0, ""]);
});
