/** A second process on one Redis: asks as fast as it can and prints how often it was admitted. For `limiter.redis.test.ts`. */
import type { LimitRule } from "../../src/model/limit-rule.ts";
import { systemClock } from "../../src/model/ports/clock.ts";
import { MemoryLimiter } from "../../src/storage/limiter/memory-limiter.ts";
import { RedisLimiter } from "../../src/storage/limiter/redis-limiter.ts";

const [url = "", ruleText = "", times = "", startsAt = ""] = process.argv.slice(2);
const rule = JSON.parse(ruleText) as LimitRule;
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const limiter = new RedisLimiter({
  url,
  prefix: "race",
  local: new MemoryLimiter({ clock: systemClock }),
  log,
  commandTimeoutMs: 10_000,
});
await limiter.start();
if (limiter.isAway) throw new Error("Redis does not answer");
await Bun.sleep(Number(startsAt) - Date.now());
const verdicts = await Promise.all(
  Array.from({ length: Number(times) }, async (_, n) => {
    await Bun.sleep(n % 50);
    return limiter.decide([{ rule, subject: "a" }]);
  }),
);
console.log(verdicts.filter(({ admitted }) => admitted).length);
limiter.close();
