import { expect, test } from "bun:test";
import { ByteBuffer } from "./byte-buffer.ts";

test("what is adopted and taken is not copied, and what comes behind it does not touch it", () => {
  const buffer = new ByteBuffer();
  const whole = Buffer.from("one two");
  buffer.adopt(whole.subarray(0, 3));
  buffer.append(Buffer.from("!"));
  expect(buffer.take().toString()).toBe("one!");
  expect(whole.toString()).toBe("one two");
  buffer.adopt(whole.subarray(4));
  const taken = buffer.take();
  expect(taken.buffer).toBe(whole.buffer);
  buffer.append(Buffer.from("six"));
  expect(`${taken} ${buffer.view()}`).toBe("two six");
});
