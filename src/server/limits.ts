import type { Settings } from "../config/settings.ts";
import type { DoorDeps } from "../gateway/pipeline.ts";
import type { LimitRule } from "../model/limit-rule.ts";
import { systemClock } from "../model/ports/clock.ts";
import type { Limiter } from "../model/ports/limiter.ts";
import type { Log } from "../model/ports/log.ts";
import type { Store } from "../model/ports/store.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { Limits } from "../policy/limit/limits.ts";
import { MemoryLimiter } from "../storage/limiter/memory-limiter.ts";
import { RedisLimiter } from "../storage/limiter/redis-limiter.ts";
import type { Reading } from "../telemetry/metrics.ts";
import { LimitCensus } from "./limit-census.ts";
import { StoreLimitLedger } from "./limit-ledger.ts";
import { LimitResets } from "./limit-resets.ts";
import { answerStandings } from "./limit-standings.ts";

/** Limits as the program is put together with them. */
export interface LimitParts {
  readonly limits: Limits;
  readonly limiter: Limiter;
  readonly ledger: StoreLimitLedger;
  /** Each process counts for itself now: no shared count, or it is away. */
  readonly isSharedOut: () => boolean;
  /** Forgets what was counted, here and wherever else it is counted. */
  reset(rule: LimitRule, subject?: string): Promise<void>;
  /** What other processes said is to be forgotten. */
  readResets(): Promise<void>;
  /** How limits stand that are counted in this process, for another one. */
  answerStandings(question: string): string;
  /** Once the first rules are known: what earlier processes counted of their quotas. */
  load(snapshot: Snapshot): Promise<void>;
  /** What the door's layer needs. */
  atDoor(snapshot: () => Snapshot): Pick<DoorDeps, "limits" | "addressLimits">;
  readings(): readonly Reading[];
  close(): Promise<void>;
}

/**
 * With Redis, counts are shared there. Without it they are in this process; several processes on one PostgreSQL then
 * admit a share of each limit. An embedded store has one process.
 */
export async function openLimits(
  { redis, role, store: storeSettings }: Pick<Settings, "redis" | "store" | "role">,
  leastProcesses: () => number,
  store: Store,
  log: Log,
): Promise<LimitParts> {
  const clock = systemClock;
  // A process that serves nobody admits nothing, and would take a share for it.
  const counts = storeSettings.kind === "postgres" && role !== "worker";
  const census = counts ? new LimitCensus(store.acrossTenants, log) : undefined;
  await census?.start();
  let shared: RedisLimiter | undefined;
  const processes = () => Math.max(census?.processes ?? 1, shared?.processes ?? 1, leastProcesses());
  const local = new MemoryLimiter({ clock, processes });
  if (redis.url !== undefined) {
    shared = new RedisLimiter({ url: redis.url, prefix: redis.prefix, local, log });
    await shared.start();
  }
  const limiter = shared ?? local;
  const ledger = new StoreLimitLedger({ store: store.acrossTenants, clock, log });
  const forget = (id: string, subject: string | undefined) => {
    ledger.reset({ id }, subject);
    local.reset({ id }, subject);
  };
  const resets = store.kind === "postgres" ? new LimitResets(store.acrossTenants, forget) : undefined;
  await resets?.start();
  const limits = new Limits({ limiter, ledger, clock });
  return {
    limits,
    limiter,
    ledger,
    isSharedOut: () => shared?.isAway ?? store.kind === "postgres",
    reset: async (rule, subject) => {
      await ledger.flush();
      ledger.reset(rule, subject);
      await limiter.reset(rule, subject);
      await resets?.add(rule.id, subject);
    },
    readResets: async () => resets?.read(),
    answerStandings: (question) => answerStandings(local, question),
    load: async ({ organizations }) => {
      const rules = [...organizations.values()].flatMap((organization) => organization.limits ?? []);
      await ledger.load(rules).catch((cause: unknown) => {
        log.warn({ err: cause }, "what quotas were used before is not known yet");
      });
    },
    atDoor: (snapshot) => ({ limits, addressLimits: () => snapshot().addressLimits }),
    readings: () => limitReadings(limits, ledger, processes, shared),
    close: async () => {
      limiter.close();
      resets?.close();
      await ledger.close();
      await census?.close();
    },
  };
}

function limitReadings(
  { counts }: Limits,
  ledger: StoreLimitLedger,
  processes: () => number,
  shared: RedisLimiter | undefined,
): readonly Reading[] {
  const one = (type: Reading["type"], name: string, help: string, value: () => number): Reading => ({
    name,
    help,
    type,
    values: () => [{ value: value() }],
  });
  return [
    one(
      "counter",
      "mcp_gateway_limit_decisions_total",
      "Decisions on limits, each over all rules of one layer.",
      () => counts.decided,
    ),
    {
      name: "mcp_gateway_limit_refusals_total",
      help: "Decisions that refused, by the rule that did.",
      type: "counter",
      values: () => [...counts.refusedBy].map(([rule, value]) => ({ labels: { rule }, value })),
    },
    one("gauge", "mcp_gateway_limit_processes", "Processes that share limits.", processes),
    one(
      "gauge",
      "mcp_gateway_limit_usage_unwritten",
      "Counts that wait to be written to the store.",
      () => ledger.unwritten,
    ),
    ...(shared === undefined
      ? []
      : [
          one("gauge", "mcp_gateway_limit_redis_up", "1 while limits are counted in Redis.", () =>
            shared.isAway ? 0 : 1,
          ),
          one(
            "counter",
            "mcp_gateway_limit_redis_outages_total",
            "Times Redis stopped answering.",
            () => shared.outages,
          ),
        ]),
  ];
}
