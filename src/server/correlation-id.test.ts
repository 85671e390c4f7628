import { expect, test } from "bun:test";
import { nextCorrelationId } from "./correlation-id.ts";

test("correlation ids differ, have one form, and count on over every carry", () => {
  const ids = Array.from({ length: 70_000 }, nextCorrelationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}-[0-9a-f]{8}$/);
  const counts = ids.map((id) => Number.parseInt(id.slice(17), 16));
  expect(counts.every((count, i) => i === 0 || count === (counts[i - 1] as number) + 1)).toBe(true);
});
