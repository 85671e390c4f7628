import { randomBytes } from "node:crypto";

const prefix = randomBytes(8).toString("hex");
let counter = 0;

/** Unique over processes and restarts: 64 random bits of this process and a count; 25 characters, cheap enough for every request. */
export function nextCorrelationId(): string {
  counter = (counter + 1) % 0xffffffff;
  return `${prefix}-${counter.toString(16).padStart(8, "0")}`;
}
