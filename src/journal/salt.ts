import { randomFillSync } from "node:crypto";

const saltBytes = 16;
const drawn = 256;
const pool = Buffer.allocUnsafe(saltBytes * drawn);
const digits = Buffer.allocUnsafe(saltBytes * 2 * drawn);
const salts = Array.from({ length: drawn }, (_, index) =>
  digits.subarray(index * saltBytes * 2, (index + 1) * saltBytes * 2),
);
let next = drawn;

/**
 * Salts keep a short payload from being guessed from its digest after it expired: 128 random bits, drawn in bulk, as
 * hex digits. Valid for the next 255 calls.
 */
export function nextSalt(): Uint8Array {
  if (next === drawn) {
    randomFillSync(pool);
    digits.write(pool.toString("hex"), "latin1");
    next = 0;
  }
  return salts[next++] as Uint8Array;
}
