import type { LimitRule } from "../../model/limit-rule.ts";

/** Parts of a sliding window: memory for a subject against how late a place comes back. */
export const PARTS = 32;

/** What a limiter needs of an algorithm's count of one subject. All times are milliseconds since the epoch. */
export interface Count {
  /** Milliseconds to wait; 0 where one more call may pass. */
  wait(rule: LimitRule, limit: number, now: number): number;
  /** @returns what is left of the limit */
  take(rule: LimitRule, limit: number, now: number): number;
  /** Milliseconds until one place more comes back, right after a `take`; 0 where nobody knows. */
  returnsMs(rule: LimitRule, limit: number, now: number): number;
  used(rule: LimitRule, limit: number, now: number): number;
  /** Milliseconds until nothing of it is used. */
  resetMs(rule: LimitRule, limit: number, now: number): number;
}

/**
 * Calls by 1/32 of the window. Counted is every part that overlaps the window at all, so that in no stretch of time as
 * long as the window more than the limit passes.
 */
export class SlidingCount implements Count {
  readonly #parts = new Uint32Array(PARTS + 1);
  #newest = 0;
  /** Nothing is counted before it; looked on from where it was last, so that nobody searches. */
  #oldest = 0;
  #total = 0;

  wait(rule: LimitRule, limit: number, now: number): number {
    this.#advance(rule, now);
    if (this.#total < limit) return 0;
    // Places come back as the oldest parts leave; one is enough.
    let left = this.#total;
    for (let age = PARTS; age >= 0; age--) {
      left -= this.#parts[(this.#newest - age + PARTS + 1) % (PARTS + 1)] as number;
      if (left < limit) return this.#leavesAt(rule, this.#newest - age) - now;
    }
    return rule.windowMs;
  }
  take(rule: LimitRule, limit: number, now: number): number {
    this.#advance(rule, now);
    const at = this.#newest % (PARTS + 1);
    this.#parts[at] = (this.#parts[at] as number) + 1;
    return limit - ++this.#total;
  }
  returnsMs(rule: LimitRule, _limit: number, now: number): number {
    this.#oldest = Math.max(this.#oldest, this.#newest - PARTS);
    while (this.#oldest < this.#newest && this.#parts[this.#oldest % (PARTS + 1)] === 0) this.#oldest++;
    return this.#leavesAt(rule, this.#oldest) - now;
  }
  used(rule: LimitRule, _limit: number, now: number): number {
    this.#advance(rule, now);
    return this.#total;
  }
  resetMs(rule: LimitRule, _limit: number, now: number): number {
    this.#advance(rule, now);
    if (this.#total === 0) return 0;
    let age = 0;
    while (this.#parts[(this.#newest - age + PARTS + 1) % (PARTS + 1)] === 0) age++;
    return this.#leavesAt(rule, this.#newest - age) - now;
  }

  #leavesAt(rule: LimitRule, part: number): number {
    return Math.ceil(((part + PARTS + 1) * rule.windowMs) / PARTS);
  }
  /** A clock that was set back counts into the newest part. */
  #advance(rule: LimitRule, now: number): void {
    const part = Math.floor((now * PARTS) / rule.windowMs);
    if (part <= this.#newest) return;
    if (part - this.#newest > PARTS) {
      if (this.#total !== 0) this.#parts.fill(0);
      this.#total = 0;
    } else {
      for (let index = this.#newest + 1; index <= part; index++) {
        this.#total -= this.#parts[index % (PARTS + 1)] as number;
        this.#parts[index % (PARTS + 1)] = 0;
      }
    }
    this.#newest = part;
  }
}

export class FixedCount implements Count {
  #window = 0;
  #total = 0;

  wait(rule: LimitRule, limit: number, now: number): number {
    this.#advance(rule, now);
    return this.#total < limit ? 0 : this.#end(rule, now);
  }
  take(rule: LimitRule, limit: number, now: number): number {
    this.#advance(rule, now);
    return limit - ++this.#total;
  }
  returnsMs(rule: LimitRule, _limit: number, now: number): number {
    return this.#end(rule, now);
  }
  used(rule: LimitRule, _limit: number, now: number): number {
    this.#advance(rule, now);
    return this.#total;
  }
  resetMs(rule: LimitRule, _limit: number, now: number): number {
    this.#advance(rule, now);
    return this.#total === 0 ? 0 : this.#end(rule, now);
  }

  #end(rule: LimitRule, now: number): number {
    return Math.max(1, (this.#window + 1) * rule.windowMs - now);
  }
  #advance(rule: LimitRule, now: number): void {
    const window = Math.floor(now / rule.windowMs);
    if (window <= this.#window) return;
    this.#window = window;
    this.#total = 0;
  }
}

/** Kept as what is missing from a full bucket, so that a new one needs no capacity. */
export class TokenCount implements Count {
  #missing = 0;
  #at = 0;

  wait(rule: LimitRule, limit: number, now: number): number {
    this.#refill(rule, limit, now);
    const lacking = this.#missing + 1 - capacityOf(rule, limit);
    return lacking <= 1e-9 ? 0 : Math.ceil((lacking * rule.windowMs) / limit);
  }
  take(rule: LimitRule, limit: number, now: number): number {
    this.#refill(rule, limit, now);
    return Math.floor(capacityOf(rule, limit) - ++this.#missing + 1e-9);
  }
  returnsMs(rule: LimitRule, limit: number): number {
    const lacking = Math.ceil(this.#missing - 1e-9) - 1;
    return Math.ceil(((this.#missing - lacking) * rule.windowMs) / limit);
  }
  used(rule: LimitRule, limit: number, now: number): number {
    this.#refill(rule, limit, now);
    return Math.ceil(this.#missing - 1e-9);
  }
  resetMs(rule: LimitRule, limit: number, now: number): number {
    this.#refill(rule, limit, now);
    return Math.ceil((this.#missing * rule.windowMs) / limit);
  }

  #refill(rule: LimitRule, limit: number, now: number): void {
    if (now <= this.#at) return;
    this.#missing = Math.max(0, this.#missing - ((now - this.#at) * limit) / rule.windowMs);
    this.#at = now;
  }
}

/** A share of a rule's limit (several processes, each counting for itself) is a share of its burst too. */
export function capacityOf(rule: LimitRule, limit: number): number {
  const burst = rule.burst ?? rule.limit;
  return limit === rule.limit ? burst : Math.max(1, Math.floor((burst * limit) / rule.limit));
}

/** Calls under way. */
export class ConcurrentCount implements Count {
  underWay = 0;

  wait(_rule: LimitRule, limit: number): number {
    return this.underWay < limit ? 0 : CONCURRENCY_RETRY_MS;
  }
  take(_rule: LimitRule, limit: number): number {
    return limit - ++this.underWay;
  }
  returnsMs(): number {
    return 0;
  }
  used(): number {
    return this.underWay;
  }
  resetMs(): number {
    return this.underWay === 0 ? 0 : CONCURRENCY_RETRY_MS;
  }
}

/** Nobody knows when a call under way ends. */
export const CONCURRENCY_RETRY_MS = 1_000;

export function newCount(rule: LimitRule): Count {
  switch (rule.algorithm) {
    case "sliding_window":
      return new SlidingCount();
    case "fixed_window":
      return new FixedCount();
    case "token_bucket":
      return new TokenCount();
    case "concurrency":
      return new ConcurrentCount();
    case "quota":
      throw new Error("quotas are kept by the ledger");
  }
}

/** After this long without a call a count is as good as new. */
export function memoryMs(rule: LimitRule): number {
  const { algorithm, windowMs, limit, burst } = rule;
  if (algorithm === "token_bucket") return (windowMs * Math.max(burst ?? limit, limit)) / limit;
  return windowMs + Math.ceil(windowMs / PARTS) + 1;
}
