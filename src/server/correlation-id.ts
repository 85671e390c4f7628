import { randomBytes } from "node:crypto";

const mark = randomBytes(8).toString("hex");
const LOW = Array.from({ length: 256 }, (_, low) => low.toString(16).padStart(2, "0"));
let counter = 0;
/** All but the last two characters: made once for 256 ids. */
let start = startOf(0);

/** Unique over processes and restarts: 64 random bits of this process and a count; 25 characters, cheap enough for every request. */
export function nextCorrelationId(): string {
  counter = (counter + 1) >>> 0;
  const low = counter & 0xff;
  if (low === 0) start = startOf(counter);
  return start + LOW[low];
}

function startOf(count: number): string {
  return `${mark}-${(count >>> 8).toString(16).padStart(6, "0")}`;
}
