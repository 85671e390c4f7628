import { expect, test } from "bun:test";
import { ValidatorCache } from "./validator-cache.ts";

test("what is used stays, what is not goes, and never are there more than allowed", () => {
  const cache = new ValidatorCache<{ readonly of: number }>(10);
  const definitions = Array.from({ length: 100 }, (_, of) => ({ of }));
  const [first] = definitions as [{ of: number }];
  for (const definition of definitions) {
    cache.set(definition, definition);
    expect(cache.get(first)).toBe(first);
  }
  const kept = definitions.filter((definition) => cache.get(definition) !== undefined).length;
  expect(kept).toBeGreaterThan(5);
  expect(kept).toBeLessThanOrEqual(10);
});
