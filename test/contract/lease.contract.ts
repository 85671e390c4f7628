import { describe, expect, test } from "bun:test";
import type { OperatedStore } from "../../src/model/ports/store.ts";
import { id } from "./store-fixture.ts";

/** What every store does with leases. */
export function leaseContract(of: () => Pick<OperatedStore, "leases">): void {
  describe("leases", () => {
    test("one holder at a time; the next has a higher generation", async () => {
      const name = `duty-${id()}`;
      const first = await of().leases.acquire(name, "a", 60_000);
      expect(first?.generation).toBe(1);
      expect(await of().leases.acquire(name, "b", 60_000)).toBeUndefined();
      expect(await of().leases.acquire(name, "a", 60_000)).toEqual(first);
      if (first === undefined) throw new Error("no lease");
      expect(await of().leases.renew(first, 20)).toBe(true);
      await Bun.sleep(40);
      const second = await of().leases.acquire(name, "b", 60_000);
      expect(second?.generation).toBe(2);
      expect(await of().leases.renew(first, 60_000)).toBe(false);
      if (second) await of().leases.release(second);
      expect((await of().leases.acquire(name, "a", 60_000))?.generation).toBe(3);
    });

    test("of many that try at once one gets it", async () => {
      const name = `duty-${id()}`;
      const got = await Promise.all(
        Array.from({ length: 8 }, (_, n) => of().leases.acquire(name, `h${n}`, 60_000)),
      );
      expect(got.filter((lease) => lease !== undefined)).toHaveLength(1);
    });
  });
}
