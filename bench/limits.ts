/**
 * What a decision on limits costs in memory: one rule to eight, all of them admitting, then one of them refusing; and
 * the layer when there is no rule. Prints one JSON object of microseconds. `bun bench/limits.ts [seconds]`
 */
import type { LimitRule } from "../src/model/limit-rule.ts";
import { systemClock } from "../src/model/ports/clock.ts";
import type { LimitDemand } from "../src/model/ports/limiter.ts";
import { MemoryLimiter } from "../src/storage/limiter/memory-limiter.ts";

const seconds = Number(process.argv[2] ?? 1);
const subjects = 1_000;

function ruleOf(index: number, limit: number): LimitRule {
  const algorithms = ["sliding_window", "token_bucket", "fixed_window", "sliding_window"] as const;
  return {
    id: crypto.randomUUID(),
    name: `rule-${index}`,
    description: "",
    organizationId: undefined,
    namespaceId: undefined,
    per: ["key"],
    match: {},
    algorithm: algorithms[index % algorithms.length] ?? "sliding_window",
    limit,
    windowMs: 60_000,
    burst: undefined,
    period: undefined,
    source: "file",
  };
}

/** Median microseconds of one decision over runs of equal length. */
function measure(rules: readonly LimitRule[]): number {
  const limiter = new MemoryLimiter({ clock: systemClock });
  const keys = Array.from({ length: subjects }, (_, index) => `key:${Bun.randomUUIDv7()}-${index}`);
  const runs: number[] = [];
  const perRun = 20_000;
  const until = performance.now() + seconds * 1_000;
  let next = 0;
  while (performance.now() < until || runs.length < 5) {
    const from = performance.now();
    for (let n = 0; n < perRun; n++) {
      const subject = keys[next++ % subjects] as string;
      const demands: LimitDemand[] = [];
      for (const rule of rules) demands.push({ rule, subject });
      limiter.decide(demands);
    }
    runs.push(((performance.now() - from) * 1_000) / perRun);
  }
  runs.sort((a, b) => a - b);
  return Number((runs[runs.length >> 1] ?? 0).toFixed(3));
}

const plenty = 1_000_000_000;
const rules = (count: number) => Array.from({ length: count }, (_, index) => ruleOf(index, plenty));
console.log(
  JSON.stringify({
    us_per_decision: {
      one_rule: measure(rules(1)),
      four_rules: measure(rules(4)),
      eight_rules: measure(rules(8)),
      four_rules_refusing: measure([...rules(3), ruleOf(0, 1)]),
    },
  }),
);
