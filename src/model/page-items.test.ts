import { expect, test } from "bun:test";
import { PageItems } from "./page-items.ts";

const texts = ['"ä"', '"🦊"', "{}", '"x"'];

test("a page is the same text however often it is written, as text and as bytes, and touches nothing else", () => {
  const items = new PageItems(texts);
  expect(items.byteLength).toBe(18);
  for (let time = 0; time < 4; time++) {
    const buffer = Buffer.alloc(18 + 20, 0x2e);
    items.writeInto(buffer, 7);
    expect(buffer.toString("utf8", 7, 25)).toBe('"ä","🦊",{},"x"');
    expect(items.toString()).toBe('"ä","🦊",{},"x"');
    expect(buffer.toString("utf8", 0, 7) + buffer.toString("utf8", 25)).toMatch(/^\.+$/);
  }
});

test("what it was written into is its reader's own", () => {
  const items = new PageItems(texts);
  const buffer = Buffer.alloc(items.byteLength);
  for (let time = 0; time < 3; time++) {
    items.writeInto(buffer, 0);
    buffer.fill(0);
  }
  expect(items.toString()).toBe('"ä","🦊",{},"x"');
});

test("an empty page", () => {
  const items = new PageItems([]);
  items.writeInto(Buffer.alloc(0), 0);
  expect([items.byteLength, items.toString()]).toEqual([0, ""]);
});
