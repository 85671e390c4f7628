import { edenGC, fullGC, heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { randomly } from "./sample-randomness.testing.ts";
import { SequenceMap } from "./sequence-map.ts";

test("a sequence map holds what a map holds, however long some stay and however many are there at once", () => {
  const map = new SequenceMap<{ readonly key: number }>();
  const model = new Map<number, { readonly key: number }>();
  const random = randomly();
  let next = 1;
  for (let step = 0; step < 20_000; step++) {
    const most = step < 10_000 ? 40 : 2_000;
    if (model.size < most && random(100) < 60) {
      const value = { key: next };
      map.set(next, value);
      model.set(next++, value);
    } else if (model.size > 0) {
      // The youngest by preference, so that some stay for the whole run.
      const keys = [...model.keys()];
      const key = keys[keys.length - 1 - random(Math.min(keys.length, 20))] as number;
      expect(map.delete(key)).toBe(true);
      expect(map.delete(key)).toBe(false);
      model.delete(key);
    }
    expect(map.size).toBe(model.size);
    const probe = random(next + 5);
    expect(map.get(probe)).toBe(model.get(probe) as { readonly key: number });
  }
  expect(map.values().map(({ key }) => key)).toEqual([...model.keys()]);
  map.set(next - 1, { key: -1 });
  expect(map.get(next - 1)).toEqual({ key: -1 });
});

test("a collection of the young frees who has left", () => {
  const present: Float64Array[] = [];
  const map = new SequenceMap<Float64Array>();
  const counted = (): number => heapStats().objectTypeCounts.Float64Array ?? 0;
  fullGC();
  const before = counted();
  for (let at = 0; at < 20_000; at++) {
    const guest = new Float64Array(1);
    map.set(at, guest);
    if (present.push(guest) > 32) {
      present.shift();
      map.delete(at - 32);
    }
    if (at % 4_000 === 3_999) edenGC();
  }
  // 32 of each round were there when it was collected; a `Map` keeps some 16,000.
  expect(counted() - before).toBeLessThan(1_000);
});
