import { systemClock } from "../../src/model/ports/clock.ts";
import { keptLog } from "../../src/model/sample-exchange.testing.ts";
import { Limits } from "../../src/policy/limit/limits.ts";
import { StoreLimitLedger } from "../../src/server/limit-ledger.ts";
import { MemoryLimiter } from "../../src/storage/limiter/memory-limiter.ts";

/** Limits counted in this process, and usage that nobody keeps. */
export function limitsInProcess(clock = systemClock): Limits {
  const store = {
    addLimitUsage: () => Promise.resolve([]),
    limitUsage: () => Promise.resolve([]),
    forgetLimitUsageBefore: () => Promise.resolve(0),
  };
  return new Limits({
    limiter: new MemoryLimiter({ clock }),
    ledger: new StoreLimitLedger({ store, clock, log: keptLog() }),
    clock,
  });
}
