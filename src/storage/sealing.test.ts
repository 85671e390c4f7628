import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { createSealer } from "./sealing.ts";

const [first, second] = [randomBytes(32), randomBytes(32)];
const sealer = createSealer([first]);

describe("sealing", () => {
  test("opens for its purpose and context alone", () => {
    const sealed = sealer.seal("session", "text ü\0", "row/1");
    expect(sealed).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(sealer.open("session", sealed, "row/1")).toBe("text ü\0");
    expect(sealer.open("cursor", sealed, "row/1")).toBeUndefined();
    expect(sealer.open("session", sealed, "row/2")).toBeUndefined();
    expect(sealer.open("session", sealed)).toBeUndefined();
    expect(sealer.open("session", sealer.seal("session", ""))).toBe("");
  });

  test("every changed character, cut, addition and other spelling is refused", () => {
    for (const text of ["", "a", "ab", "abc"]) {
      const sealed = sealer.seal("session", text);
      for (let at = 0; at < sealed.length; at++) {
        for (const other of ["A", "B", "_", "Q"]) {
          if (sealed[at] === other) continue;
          const changed = sealed.slice(0, at) + other + sealed.slice(at + 1);
          expect(sealer.open("session", changed)).toBeUndefined();
        }
        expect(sealer.open("session", sealed.slice(0, at))).toBeUndefined();
      }
      for (const other of [`${sealed}A`, `${sealed}=`, ` ${sealed}`, `${sealed}\n`, sealed + sealed]) {
        expect(sealer.open("session", other)).toBeUndefined();
      }
    }
    for (const nonsense of ["", "=", "ä", "A".repeat(100_000)]) {
      expect(sealer.open("session", nonsense)).toBeUndefined();
      expect(sealer.keyIdOf(nonsense)).toBeUndefined();
    }
  });

  test("the first master key seals and all open", () => {
    const both = createSealer([second, first]);
    const old = sealer.seal("session", "text");
    expect(both.open("session", old)).toBe("text");
    expect(both.keyIdOf(old)).toBe(sealer.keyId);
    const fresh = both.seal("session", "text");
    expect(both.keyIdOf(fresh)).toBe(both.keyId);
    expect(sealer.open("session", fresh)).toBeUndefined();
    expect(createSealer([second]).open("session", fresh)).toBe("text");
  });

  test("no two sealed texts are equal", () => {
    const sealed = new Set(Array.from({ length: 10_000 }, () => sealer.seal("session", "text")));
    expect(sealed.size).toBe(10_000);
  });

  test("a short master key is refused", () => {
    expect(() => createSealer([randomBytes(31)])).toThrow();
    expect(() => createSealer([])).toThrow();
  });
});
