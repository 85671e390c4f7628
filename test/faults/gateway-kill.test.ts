import { expect, test } from "bun:test";
import { killUnderLoad } from "./gateway-kill-round.ts";

const cells = [
  { durability: "standard", store: "sqlite" },
  { durability: "strict", store: "sqlite" },
  { durability: "standard", store: "postgres" },
  { durability: "strict", store: "postgres" },
] as const;

for (const cell of cells) {
  test(`${cell.durability}, ${cell.store}: killed under load, nothing seen is without intent and nothing answered without outcome`, async () => {
    const answered = await killUnderLoad({ ...cell, rounds: 1 });
    if (answered !== undefined) expect(answered).toBeGreaterThan(32);
  });
}
