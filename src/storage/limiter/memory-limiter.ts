import { isToldToCallers } from "../../model/limit-note.ts";
import type { LimitRule } from "../../model/limit-rule.ts";
import type { Clock } from "../../model/ports/clock.ts";
import type {
  LimitAdmission,
  LimitDemand,
  Limiter,
  LimitRefusal,
  LimitStanding,
  LimitVerdict,
} from "../../model/ports/limiter.ts";
import { ConcurrentCount, type Count } from "./counts.ts";
import { Subjects } from "./subjects.ts";

const SUBJECTS_MAX = 50_000;
/** More counted rules than this, and those long unused are looked for and forgotten. */
const RULES_MAX = 1_000;
const ADMITTED: LimitAdmission = { admitted: true, release: undefined, closest: undefined };

export interface MemoryLimiterOptions {
  readonly clock: Clock;
  /** Processes that count side by side, each for its share of a limit; at least 1. */
  readonly processes?: () => number;
  /** Subjects of one rule that are told apart. */
  readonly subjectsMax?: number;
}

/**
 * Counts in this process: synchronous, one look-up a rule, no timer, bounded. Where several processes count side by
 * side each admits its share of a limit (rounded down, but at least one), so that together they stay within it.
 */
export class MemoryLimiter implements Limiter {
  readonly #clock: Clock;
  readonly #processes: () => number;
  readonly #subjectsMax: number;
  readonly #rules = new Map<string, Subjects>();
  /** Reused: a decision is made without anything in between. */
  readonly #counts: Count[] = [];

  constructor({ clock, processes = () => 1, subjectsMax = SUBJECTS_MAX }: MemoryLimiterOptions) {
    this.#clock = clock;
    this.#processes = processes;
    this.#subjectsMax = subjectsMax;
  }

  /** Rules that are counted now. */
  get rules(): number {
    return this.#rules.size;
  }

  decide(demands: readonly LimitDemand[]): LimitVerdict {
    const now = this.#clock.now();
    const processes = this.#processes();
    const counts = this.#counts;
    let waitMs = 0;
    let refusing: LimitRule | undefined;
    let holdsPlaces = false;
    for (let i = 0; i < demands.length; i++) {
      const { rule, subject } = demands[i] as LimitDemand;
      const count = this.#subjects(rule, now).count(subject, now);
      counts[i] = count;
      const wait = count.wait(rule, shareOf(rule, processes), now);
      if (wait > waitMs) {
        waitMs = wait;
        refusing = rule;
      }
      if (rule.algorithm === "concurrency") holdsPlaces = true;
    }
    if (refusing !== undefined) return refusal(refusing, waitMs);
    let closest: LimitRule | undefined;
    let remaining = 0;
    let at = 0;
    for (let i = 0; i < demands.length; i++) {
      const { rule } = demands[i] as LimitDemand;
      const left = (counts[i] as Count).take(rule, shareOf(rule, processes), now);
      if (!isToldToCallers(rule)) continue;
      if (closest !== undefined && left * closest.limit >= remaining * rule.limit) continue;
      closest = rule;
      remaining = left;
      at = i;
    }
    const release = holdsPlaces ? this.#holding(demands.length) : undefined;
    if (closest === undefined) return release === undefined ? ADMITTED : { ...ADMITTED, release };
    const returnsMs = (counts[at] as Count).returnsMs(closest, shareOf(closest, processes), now);
    return {
      admitted: true,
      release,
      closest: { rule: closest, remaining: Math.max(0, remaining), returnsMs },
    };
  }

  /** Counts what was admitted elsewhere, whatever the limits say. Returns what gives its places back. */
  note(demands: readonly LimitDemand[]): (() => void) | undefined {
    const now = this.#clock.now();
    const processes = this.#processes();
    let holdsPlaces = false;
    for (let i = 0; i < demands.length; i++) {
      const { rule, subject } = demands[i] as LimitDemand;
      const count = this.#subjects(rule, now).count(subject, now);
      this.#counts[i] = count;
      count.take(rule, shareOf(rule, processes), now);
      if (rule.algorithm === "concurrency") holdsPlaces = true;
    }
    return holdsPlaces ? this.#holding(demands.length) : undefined;
  }

  standing({ rule, subject }: LimitDemand): LimitStanding {
    const now = this.#clock.now();
    const count = this.#rules.get(rule.id)?.find(subject);
    if (count === undefined) return { used: 0, resetMs: 0 };
    const limit = shareOf(rule, this.#processes());
    return { used: count.used(rule, limit, now), resetMs: count.resetMs(rule, limit, now) };
  }

  reset({ id }: Pick<LimitRule, "id">, subject?: string): void {
    this.#rules.get(id)?.clear(subject);
  }

  close(): void {}

  #holding(length: number): () => void {
    const places = this.#counts.slice(0, length).filter((count) => count instanceof ConcurrentCount);
    return () => {
      for (const place of places) place.underWay--;
      places.length = 0;
    };
  }

  #subjects(rule: LimitRule, now: number): Subjects {
    let subjects = this.#rules.get(rule.id);
    if (subjects === undefined) {
      if (this.#rules.size >= RULES_MAX) {
        for (const [id, known] of this.#rules) if (known.isIdle(now)) this.#rules.delete(id);
      }
      subjects = new Subjects(rule, this.#subjectsMax);
      this.#rules.set(rule.id, subjects);
    }
    subjects.follow(rule);
    return subjects;
  }
}

export function shareOf(rule: LimitRule, processes: number): number {
  return processes <= 1 ? rule.limit : Math.max(1, Math.floor(rule.limit / processes));
}

export function refusal(rule: LimitRule, waitMs: number): LimitRefusal {
  return { admitted: false, rule, retryAfterMs: Math.max(1, waitMs) };
}
