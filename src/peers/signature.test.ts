import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { digestOf, PeerKey, ReplayGuard } from "./signature.ts";

const [old, present, foreign] = [randomBytes(32), randomBytes(32), randomBytes(32)];

describe("a signature", () => {
  const key = new PeerKey([present, old]);
  const header = key.sign("forward", "target-1", "body", 1_000);

  test("says for whom, when and over which body it is", () => {
    expect(key.verify("forward", header)).toMatchObject({
      target: "target-1",
      at: 1_000,
      digest: digestOf("body"),
    });
  });

  test("holds for one act, and under the keys of the installation alone, former ones too", () => {
    expect(key.verify("tell", header)).toBeUndefined();
    expect(new PeerKey([foreign]).verify("forward", header)).toBeUndefined();
    expect(key.verify("tell", new PeerKey([old]).sign("tell", "t", "", 1))).toBeDefined();
    expect(new PeerKey([old]).verify("forward", header)).toBeUndefined();
  });

  test("breaks with any single character", () => {
    expect(key.verify("forward", null)).toBeUndefined();
    for (let at = 0; at < header.length; at++) {
      const other = header[at] === "A" ? "B" : "A";
      const changed = header.slice(0, at) + other + header.slice(at + 1);
      expect([at, key.verify("forward", changed)]).toEqual([at, undefined]);
    }
  });
});

describe("a signature is taken", () => {
  const key = new PeerKey([present]);
  const signed = (at: number) => {
    const found = key.verify("tell", key.sign("tell", "t", "", at));
    if (found === undefined) throw new Error("it does not hold");
    return found;
  };

  test("once", () => {
    const guard = new ReplayGuard();
    const one = signed(1_000_000);
    expect(guard.takes(one, 1_000_000)).toBe(true);
    // However long it is tried: the nonce is remembered until the time alone refuses it.
    for (let now = 1_000_000; now < 1_400_000; now += 7_000) expect(guard.takes(one, now)).toBe(false);
    expect(guard.takes(signed(1_400_000), 1_400_000)).toBe(true);
  });

  test("within a minute of its time, either way", () => {
    for (const [at, taken] of [
      [-60_001, false],
      [-60_000, true],
      [60_000, true],
      [60_001, false],
    ] as const) {
      expect(new ReplayGuard().takes(signed(5_000_000 + at), 5_000_000)).toBe(taken);
    }
  });
});
