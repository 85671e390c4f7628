import { expect, test } from "bun:test";
import { samplePrincipal } from "../../model/sample-exchange.testing.ts";
import { randomly } from "../../model/sample-randomness.testing.ts";
import { type Waiter, WaitingRoom } from "./waiting.ts";

class Guest implements Waiter {
  readonly startedAt = performance.now();
  readonly principal;
  attended = false;
  lastSignOfLifeAt = this.startedAt;
  seat = -1;
  interrupted = 0;
  attendances = 0;
  readonly #onAttend: () => void;

  constructor(id: string, onAttend: () => void = () => {}) {
    this.#onAttend = onAttend;
    this.principal = samplePrincipal({ id });
  }
  attend(): void {
    this.attendances++;
    this.#onAttend();
  }
  keepAlive(): void {}
  interrupt(): void {
    this.interrupted++;
  }
}

test("whoever entered and has not left is interrupted once, in any order of coming and going", () => {
  const room = new WaitingRoom();
  const present = new Set<Guest>();
  const all: Guest[] = [];
  const random = randomly();
  for (let step = 0; step < 5_000; step++) {
    if (present.size === 0 || random(100) < 55) {
      const guest = new Guest(`key-${step}`);
      room.enter(guest);
      present.add(guest);
      all.push(guest);
    } else {
      const guest = [...present][random(present.size)] as Guest;
      room.leave(guest);
      room.leave(guest); // again, as an ending stream may
      present.delete(guest);
    }
    expect(room.size).toBe(present.size);
  }
  room.interrupt();
  expect(all.filter(({ interrupted }) => interrupted === 1)).toEqual([...present]);
  expect([...room.principals().keys()].sort()).toEqual(
    [...present].map(({ principal }) => principal.id).sort(),
  );
  for (const guest of present) room.leave(guest);
  expect(room.size).toBe(0);
});

test("all are attended although some leave when they are", async () => {
  const room = new WaitingRoom();
  const guests: Guest[] = Array.from({ length: 20 }, (_, index) =>
    index % 3 === 0
      ? new Guest(`leaves-${index}`, () => room.leave(guests[index] as Guest))
      : new Guest(`stays-${index}`),
  );
  for (const guest of guests) room.enter(guest);
  const end = performance.now() + 2_000;
  while (guests.some(({ attendances }) => attendances === 0) && performance.now() < end) await Bun.sleep(20);
  expect(guests.map(({ attendances }) => attendances)).toEqual(guests.map(() => 1));
  expect(room.size).toBe(13);
  for (const guest of guests) room.leave(guest);
});
