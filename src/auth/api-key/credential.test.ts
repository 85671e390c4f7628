import { expect, test } from "bun:test";
import { CREDENTIAL_CHARS, isWellFormed } from "../../model/api-key-form.ts";
import { displayPrefix, newCredential } from "./credential.ts";

test("new keys are well formed, different, and as long as said", () => {
  const keys = Array.from({ length: 1_000 }, newCredential);
  expect(new Set(keys).size).toBe(1_000);
  expect(keys.every((key) => isWellFormed(key) && key.length === CREDENTIAL_CHARS)).toBe(true);
  expect(displayPrefix(keys[0] ?? "")).toHaveLength(12);
});

test("a typing error fails without a look-up", () => {
  const key = newCredential();
  for (let at = 0; at < key.length; at++) {
    const other = key[at] === "x" ? "y" : "x";
    expect(isWellFormed(key.slice(0, at) + other + key.slice(at + 1))).toBe(false);
  }
  for (const other of ["", key.slice(1), `${key} `, key.toUpperCase(), "a".repeat(1_000_000)]) {
    expect(isWellFormed(other)).toBe(false);
  }
});
