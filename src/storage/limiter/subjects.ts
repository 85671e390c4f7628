import type { LimitRule } from "../../model/limit-rule.ts";
import { ConcurrentCount, type Count, memoryMs, newCount } from "./counts.ts";

/**
 * The counts of one rule by subject. Two generations: a count that was not touched for as long as it can matter goes
 * with the older one, so that nothing has a timer and nothing is searched. Past the bound, subjects not known yet share
 * one count: memory stays bounded, and a flood of subjects is never a way around the rule.
 */
export class Subjects {
  #rule: LimitRule;
  #current = new Map<string, Count>();
  #former = new Map<string, Count>();
  #turnsAt = 0;
  #shared: Count | undefined;
  readonly #subjectsMax: number;
  /** Last time something was counted; for forgetting whole rules. */
  touchedAt = 0;

  constructor(rule: LimitRule, subjectsMax: number) {
    this.#rule = rule;
    this.#subjectsMax = subjectsMax;
  }

  get size(): number {
    return this.#current.size + this.#former.size;
  }

  /** Takes a changed rule on; what was counted stays where it still means the same. */
  follow(rule: LimitRule): void {
    if (rule === this.#rule) return;
    const { algorithm, windowMs, resetAt } = this.#rule;
    if (rule.algorithm !== algorithm || rule.windowMs !== windowMs) this.#forgetAll();
    else if (rule.resetAt !== resetAt) this.clear();
    this.#rule = rule;
  }

  count(subject: string, now: number): Count {
    this.touchedAt = now;
    if (now >= this.#turnsAt) this.#turn(now);
    const known = this.#current.get(subject);
    if (known !== undefined) return known;
    const kept = this.#former.get(subject);
    if (kept === undefined && this.#current.size >= this.#subjectsMax) {
      this.#shared ??= newCount(this.#rule);
      return this.#shared;
    }
    const count = kept ?? newCount(this.#rule);
    this.#current.set(subject, count);
    return count;
  }

  find(subject: string): Count | undefined {
    return this.#current.get(subject) ?? this.#former.get(subject);
  }

  clear(subject?: string): void {
    if (this.#rule.algorithm === "concurrency") return;
    if (subject === undefined) this.#forgetAll();
    else {
      this.#current.delete(subject);
      this.#former.delete(subject);
    }
  }

  isIdle(now: number): boolean {
    if (this.#rule.algorithm !== "concurrency") return now - this.touchedAt > 2 * memoryMs(this.#rule);
    return this.#underWay().size === 0;
  }

  #turn(now: number): void {
    const lifeMs = Math.max(memoryMs(this.#rule), TURN_MS_MIN);
    // Longer than one life ago: the present generation is stale too.
    const isStale = this.#turnsAt !== 0 && now - this.#turnsAt > lifeMs;
    if (this.#rule.algorithm === "concurrency") this.#former = this.#underWay();
    else this.#former = isStale ? new Map() : this.#current;
    this.#current = new Map();
    this.#turnsAt = now + lifeMs;
  }

  #underWay(): Map<string, Count> {
    const busy = new Map<string, Count>();
    for (const counts of [this.#former, this.#current]) {
      for (const [subject, count] of counts) {
        if (count instanceof ConcurrentCount && count.underWay > 0) busy.set(subject, count);
      }
    }
    return busy;
  }

  #forgetAll(): void {
    this.#current.clear();
    this.#former.clear();
    this.#shared = undefined;
  }
}

const TURN_MS_MIN = 10_000;
