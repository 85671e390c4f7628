import { createHash } from "node:crypto";
import { isCloser, isToldToCallers, type LimitRoom } from "../../model/limit-note.ts";
import type { LimitRule } from "../../model/limit-rule.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type { LimitDemand, Limiter, LimitStanding, LimitVerdict } from "../../model/ports/limiter.ts";
import type { Log } from "../../model/ports/log.ts";
import { capacityOf, memoryMs } from "./counts.ts";
import { type MemoryLimiter, refusal } from "./memory-limiter.ts";
import { isMissingScript, RedisLink } from "./redis-link.ts";
import { DECIDE } from "./redis-script.ts";

/** Added to a call at most, when Redis stops answering; with the rest of a decision below 50 ms. */
const COMMAND_TIMEOUT_MS = 40;
/** A place of a process that died comes back after this; living ones renew theirs. */
const LEASE_MS = 60_000;
const RENEW_MS = 20_000;
const SCAN_COUNT = "500";

const DIGEST = createHash("sha1").update(DECIDE).digest("hex");

export interface RedisLimiterOptions {
  readonly url: string;
  /** Begins every key, so that several installations can share one Redis. */
  readonly prefix: string;
  /** Counts while Redis is away, and beside it, so that it knows what this process admitted. */
  readonly local: MemoryLimiter;
  readonly log: Log;
  readonly commandTimeoutMs?: number;
  /** For tests that hold time; without it Redis's own clock, which all processes share. */
  readonly clock?: Clock;
}

interface Spelling {
  readonly key: string;
  readonly args: readonly string[];
}

/**
 * Counts in Redis: one script decides all rules of a call in one step. While Redis is away `local` decides, with this
 * process's share of each limit; never nobody.
 */
export class RedisLimiter implements Limiter {
  readonly #link: RedisLink;
  readonly #local: MemoryLimiter;
  readonly #prefix: string;
  readonly #clock: Clock | undefined;
  readonly #spellings = new WeakMap<LimitRule, Spelling>();
  readonly #process = crypto.randomUUID();
  /** Places held: lease and number of the rule → its key. */
  readonly #leases = new Map<string, string>();
  readonly #renewal: ReturnType<typeof setInterval>;
  #leaseNumber = 0;

  constructor(options: RedisLimiterOptions) {
    const { url, prefix, log, commandTimeoutMs: timeoutMs = COMMAND_TIMEOUT_MS } = options;
    this.#link = new RedisLink({ url, prefix, log, timeoutMs });
    this.#local = options.local;
    this.#prefix = `{${prefix}}:limit:`;
    this.#clock = options.clock;
    this.#renewal = setInterval(() => this.#renew(), RENEW_MS);
    this.#renewal.unref();
  }

  get isAway(): boolean {
    return this.#link.isAway;
  }
  get outages(): number {
    return this.#link.outages;
  }
  /** Processes that share this Redis, as last known. */
  get processes(): number {
    return this.#link.processes;
  }

  start(): Promise<void> {
    return this.#link.start();
  }

  decide(demands: readonly LimitDemand[]): LimitVerdict | Promise<LimitVerdict> {
    return this.#link.isAway ? this.#local.decide(demands) : this.#ask(demands);
  }

  async standing(demand: LimitDemand): Promise<LimitStanding> {
    try {
      const [used = 0, resetMs = 0] = await this.#run("standing", [demand], "");
      return { used, resetMs };
    } catch {
      return this.#local.standing(demand);
    }
  }

  async reset(rule: LimitRule, subject?: string): Promise<void> {
    this.#local.reset(rule, subject);
    if (rule.algorithm === "concurrency" || this.#link.isAway) return;
    const { key } = this.#spelling(rule);
    try {
      if (subject !== undefined) {
        await this.#link.send("DEL", [key + subject]);
        return;
      }
      let cursor = "0";
      do {
        const answer = await this.#link.send("SCAN", [cursor, "MATCH", `${key}*`, "COUNT", SCAN_COUNT]);
        const [next, keys] = answer as [string, string[]];
        if (keys.length > 0) await this.#link.send("UNLINK", keys);
        cursor = String(next);
      } while (cursor !== "0");
    } catch {
      // Away: what it counted runs out by itself.
    }
  }

  close(): void {
    clearInterval(this.#renewal);
    for (const [held, key] of this.#leases) this.#link.tell("ZREM", [key, leaseOf(held)]);
    this.#leases.clear();
    this.#link.close();
  }

  async #ask(demands: readonly LimitDemand[]): Promise<LimitVerdict> {
    const lease = demands.some(({ rule }) => rule.algorithm === "concurrency") ? this.#nextLease() : "";
    let answer: readonly number[];
    try {
      answer = await this.#run("decide", demands, lease);
    } catch {
      return this.#local.decide(demands);
    }
    const [refusing = 0, waitMs = 0] = answer;
    if (refusing !== 0) return refusal((demands[refusing - 1] as LimitDemand).rule, waitMs);
    const releaseHere = this.#local.note(demands);
    const release = lease === "" ? releaseHere : this.#hold(demands, lease, releaseHere);
    return { admitted: true, release, closest: closestOf(demands, answer) };
  }

  async #run(act: "decide" | "standing", demands: readonly LimitDemand[], lease: string): Promise<number[]> {
    const keys: string[] = [];
    const args: string[] = [this.#clock === undefined ? "0" : String(this.#clock.now()), act];
    for (const { rule, subject } of demands) {
      const spelling = this.#spelling(rule);
      keys.push(spelling.key + subject);
      const [algorithm, limit, window, capacity, leaseMs, life] = spelling.args;
      args.push(algorithm as string, limit as string, window as string, capacity as string, lease);
      args.push(leaseMs as string, life as string);
    }
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return (await this.#link.send("EVALSHA", [DIGEST, ...rest])) as number[];
    } catch (failure) {
      if (!isMissingScript(failure)) throw failure;
      return (await this.#link.send("EVAL", [DECIDE, ...rest])) as number[];
    }
  }

  #spelling(rule: LimitRule): Spelling {
    let spelling = this.#spellings.get(rule);
    if (spelling === undefined) {
      const { id, algorithm, limit, windowMs } = rule;
      const life = algorithm === "concurrency" ? LEASE_MS : Math.ceil(memoryMs(rule)) + 1_000;
      const numbers = [limit, windowMs, capacityOf(rule, limit), LEASE_MS, life].map(String);
      spelling = {
        key: `${this.#prefix}${id}:${algorithm}:${windowMs}:`,
        args: [algorithm, ...numbers],
      };
      this.#spellings.set(rule, spelling);
    }
    return spelling;
  }

  #nextLease(): string {
    this.#leaseNumber++;
    return `${this.#process}:${this.#leaseNumber}`;
  }

  #hold(demands: readonly LimitDemand[], lease: string, releaseLocal: (() => void) | undefined): () => void {
    const keys = demands
      .filter(({ rule }) => rule.algorithm === "concurrency")
      .map(({ rule, subject }) => this.#spelling(rule).key + subject);
    keys.forEach((key, index) => {
      this.#leases.set(`${lease} ${index}`, key);
    });
    return () => {
      releaseLocal?.();
      keys.forEach((key, index) => {
        if (this.#leases.delete(`${lease} ${index}`)) this.#link.tell("ZREM", [key, lease]);
      });
    };
  }

  #renew(): void {
    const until = String((this.#clock?.now() ?? Date.now()) + LEASE_MS);
    for (const [held, key] of this.#leases) {
      this.#link.tell("ZADD", [key, until, leaseOf(held)]);
      this.#link.tell("PEXPIRE", [key, String(LEASE_MS)]);
    }
  }
}

/** @param answer of the script: behind its first member what is left of each rule, and how long until more is */
function closestOf(demands: readonly LimitDemand[], answer: readonly number[]): LimitRoom | undefined {
  let closest: LimitRoom | undefined;
  for (const [index, { rule }] of demands.entries()) {
    const remaining = Math.max(0, answer[1 + index * 2] ?? 0);
    if (!isToldToCallers(rule) || (closest !== undefined && !isCloser(remaining, rule, closest))) continue;
    closest = { rule, remaining, returnsMs: answer[2 + index * 2] ?? 0 };
  }
  return closest;
}

function leaseOf(held: string): string {
  return held.slice(0, held.indexOf(" "));
}
