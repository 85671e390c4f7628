import { randomFillSync } from "node:crypto";

const saltBytes = 16;
const saltPool = Buffer.allocUnsafe(saltBytes * 256);
let saltHex = "";
let saltAt = 0;

/** Salts keep a short payload from being guessed from its digest after it expired: 128 random bits, hex, drawn in bulk. */
export function nextSalt(): string {
  if (saltAt >= saltHex.length) {
    randomFillSync(saltPool);
    saltHex = saltPool.toString("hex");
    saltAt = 0;
  }
  const salt = saltHex.slice(saltAt, saltAt + saltBytes * 2);
  saltAt += saltBytes * 2;
  return salt;
}
