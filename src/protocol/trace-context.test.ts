import { expect, test } from "bun:test";
import { traceparentOf } from "./trace-context.ts";

const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

test("_meta says it before the header does", () => {
  expect(traceparentOf(trace, other)).toBe(trace);
  expect(traceparentOf(undefined, other)).toBe(other);
  expect(traceparentOf(undefined, null)).toBeUndefined();
});

test("what is ill-formed is no trace", () => {
  for (const text of [
    "",
    "x",
    trace.toUpperCase(),
    trace.slice(1),
    `${trace}0`,
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
  ])
    expect(traceparentOf(text, null)).toBeUndefined();
  expect(traceparentOf(7, null)).toBeUndefined();
  expect(traceparentOf("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", null)).toBeDefined();
});
