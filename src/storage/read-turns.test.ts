import { expect, test } from "bun:test";
import { ReadTurns } from "./read-turns.ts";

const codeOf = (query: Promise<unknown>) =>
  query.then(
    () => "fine",
    (failure) => failure.code,
  );

test("four at once, two of one organisation, the others in the order they came", async () => {
  const turns = new ReadTurns(5_000);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const take = (name: string) =>
    turns.take(name.slice(0, 1), () => {
      begun.push(name);
      const { promise, resolve } = Promise.withResolvers<void>();
      ends.set(name, resolve);
      return promise;
    });
  const all = ["a1", "a2", "a3", "b1", "c1", "d1"].map(take);
  expect(begun).toEqual(["a1", "a2", "b1", "c1"]);
  ends.get("c1")?.();
  await all[4];
  await Bun.sleep(0);
  expect(begun.at(-1)).toBe("d1");
  ends.get("a1")?.();
  await all[0];
  await Bun.sleep(0);
  expect(begun.at(-1)).toBe("a3");
  for (const end of ends.values()) end();
  await Promise.all(all);
});

test("one that is late is given up, and keeps its turn until it has ended", async () => {
  const turns = new ReadTurns(50);
  const { promise: stuck, resolve } = Promise.withResolvers<void>();
  let isLate = false;
  const query = (late: AbortSignal) => {
    late.addEventListener("abort", () => {
      isLate = true;
    });
    return stuck;
  };
  const late = [turns.take("a", query), turns.take("a", query)].map(codeOf);
  expect(await Promise.all(late)).toEqual(["record_query_timeout", "record_query_timeout"]);
  expect(isLate).toBe(true);
  let hasRun = false;
  const next = () => {
    hasRun = true;
    return Promise.resolve();
  };
  expect(await codeOf(turns.take("a", next))).toBe("record_query_timeout");
  expect(hasRun).toBe(false);
  resolve();
  await Bun.sleep(0);
  expect(await codeOf(turns.take("a", next))).toBe("fine");
});

test("a query that fails gives its turn back", async () => {
  const turns = new ReadTurns(5_000);
  for (let n = 0; n < 5; n++) {
    expect(await codeOf(turns.take("a", () => Promise.reject({ code: "own" })))).toBe("own");
    const atOnce = turns.take("a", () => {
      throw new TypeError("at once");
    });
    expect(await codeOf(atOnce)).toBeUndefined();
  }
});

test("more than 25 of one organisation and 100 of all do not wait", async () => {
  const turns = new ReadTurns(5_000);
  const { promise: stuck, resolve } = Promise.withResolvers<void>();
  const take = (organizationId: string, count: number) =>
    Array.from({ length: count }, () => codeOf(turns.take(organizationId, () => stuck)));
  // Two of each of the first have turns.
  const all = [...take("a", 27), ...take("b", 27), ...take("c", 25), ...take("d", 25)];
  expect(await take("a", 1)[0]).toBe("overloaded");
  expect(await take("e", 1)[0]).toBe("overloaded");
  resolve();
  expect(new Set(await Promise.all(all))).toEqual(new Set(["fine"]));
});
