import { edenGC, fullGC, heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { Roster, type Seated } from "./roster.ts";
import { randomly } from "./sample-randomness.testing.ts";

class Guest implements Seated {
  seat = -1;
  readonly luggage = new Float64Array(1);
}

test("a roster holds whoever entered and has not left, in any order of coming and going", () => {
  const roster = new Roster<Guest>();
  const present = new Set<Guest>();
  const random = randomly();
  for (let step = 0; step < 5_000; step++) {
    if (present.size === 0 || random(100) < 55) {
      const guest = new Guest();
      roster.enter(guest);
      present.add(guest);
    } else {
      const guest = [...present][random(present.size)] as Guest;
      roster.leave(guest);
      roster.leave(guest);
      present.delete(guest);
    }
    expect(roster.size).toBe(present.size);
  }
  expect(new Set(roster.all())).toEqual(present);
});

test("a collection of the young frees who has left", () => {
  const present: Guest[] = [];
  const roster = new Roster<Guest>();
  const counted = (): number => heapStats().objectTypeCounts.Float64Array ?? 0;
  fullGC();
  const before = counted();
  for (let at = 0; at < 20_000; at++) {
    const guest = new Guest();
    roster.enter(guest);
    if (present.push(guest) > 32) roster.leave(present.shift() as Guest);
    if (at % 4_000 === 3_999) edenGC();
  }
  // 32 of each round were there when it was collected; a `Set` keeps some 16,000.
  expect(counted() - before).toBeLessThan(1_000);
});
