import { expect, test } from "bun:test";
import { systemClock } from "../../../model/ports/clock.ts";
import { DeadlineWheel, type Timed } from "./deadline-wheel.ts";

class Entry implements Timed {
  seat = -1;
  slot = -1;
  firedAt: number | undefined;
  due: number;
  constructor(due: number) {
    this.due = due;
  }
  dueAt(): number {
    return this.due;
  }
  onDue(): void {
    this.firedAt = Date.now();
  }
}

/** Longest time in which no timer of this process fired while `during` ran: what a busy machine takes from every deadline. */
async function withStalls(during: () => Promise<unknown>): Promise<number> {
  let longestMs = 0;
  let lastAt = Date.now();
  const beat = setInterval(() => {
    longestMs = Math.max(longestMs, Date.now() - lastAt);
    lastAt = Date.now();
  }, 1);
  await during();
  clearInterval(beat);
  return longestMs;
}
const LATE_MS_MAX = 60;

// 16 slots of 5 ms: deadlines past one turn of the wheel are part of the test.
const newWheel = () => new DeadlineWheel(systemClock, 5, 16);

test("deadlines fire never early and soon after, also past one turn", async () => {
  const wheel = newWheel();
  const entries = Array.from({ length: 300 }, (_, i) => new Entry(Date.now() + (i % 60) * 5));
  for (const entry of entries) wheel.add(entry);
  const stallMs = await withStalls(() => Bun.sleep(400));
  for (const entry of entries) {
    expect(entry.firedAt).toBeGreaterThanOrEqual(entry.due);
    expect((entry.firedAt as number) - entry.due).toBeLessThan(LATE_MS_MAX + stallMs);
  }
  expect(wheel.size).toBe(0);
});

test("a removed deadline never fires; one that moved fires when it is due", async () => {
  const wheel = newWheel();
  const removed = new Entry(Date.now() + 20);
  const later = new Entry(Date.now() + 20);
  const paused = new Entry(Number.POSITIVE_INFINITY);
  for (const entry of [removed, later, paused]) wheel.add(entry);
  wheel.remove(removed);
  later.due += 150;
  await Bun.sleep(100);
  expect([removed.firedAt, later.firedAt, paused.firedAt]).toEqual([undefined, undefined, undefined]);
  paused.due = Date.now() + 10;
  wheel.move(paused);
  const stallMs = await withStalls(() => Bun.sleep(150));
  expect(later.firedAt).toBeGreaterThanOrEqual(later.due);
  expect((paused.firedAt as number) - paused.due).toBeLessThan(LATE_MS_MAX + stallMs);
  expect(wheel.size).toBe(0);
});
