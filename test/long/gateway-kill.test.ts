import { expect, test } from "bun:test";
import { killUnderLoad } from "../faults/gateway-kill-round.ts";

const ROUNDS = 20;

for (const durability of ["standard", "strict"] as const) {
  for (const store of ["sqlite", "postgres"] as const) {
    test(
      `${durability}, ${store}: ${ROUNDS} lives of a gateway ended by SIGKILL under load`,
      async () => {
        const answered = await killUnderLoad({ durability, store, rounds: ROUNDS });
        if (answered !== undefined) expect(answered).toBeGreaterThan(32 * ROUNDS);
      },
      { timeout: 300_000 },
    );
  }
}
