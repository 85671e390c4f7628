import type { LimitRoom } from "../model/limit-note.ts";
import { type LimitRule, periodOf, type QuotaPeriod } from "../model/limit-rule.ts";
import type { Clock } from "../model/ports/clock.ts";
import type { LimitLedger } from "../model/ports/limit-ledger.ts";
import type { LimitDemand } from "../model/ports/limiter.ts";
import type { Log } from "../model/ports/log.ts";
import type { AcrossTenants } from "../model/ports/store.ts";
import type { LimitUsage } from "../model/rate-limit-record.ts";

/** What a killed process loses of its counts at most, and what other processes do not know yet. */
const FLUSH_MS = 2_000;
/** Of one rule and period; past it all others share one count, which a quota holds like any other. */
const QUOTA_SUBJECTS_MAX = 50_000;
const SHOWN_SUBJECTS_MAX = 1_000;
const OTHERS = "(others)";
/** PostgreSQL's index takes no longer ones. */
const SUBJECT_LENGTH_MAX = 400;
const PAGE = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Usage is kept as long as its period is worth a look. */
const KEPT_MS: Readonly<Record<QuotaPeriod, number>> = { day: 62 * DAY_MS, month: 400 * DAY_MS };

interface Entry {
  readonly usage: Omit<LimitUsage, "admitted" | "refused">;
  readonly end: number;
  /** As the store had it last. */
  stored: number;
  /** Counted here and not written yet; `writing` is on its way. */
  admitted: number;
  refused: number;
  writing: number;
  isDirty: boolean;
}

/** What one rule counted, by subject. */
interface Usage {
  readonly entries: Map<string, Entry>;
  /** The count that all share who are told apart no more. */
  others: Entry | undefined;
}

type UsageStore = Pick<AcrossTenants, "addLimitUsage" | "limitUsage" | "forgetLimitUsageBefore">;

/**
 * Usage by rule, subject and day (or month, for monthly quotas), in memory and written behind every 2 s: a decision
 * never waits for the store. A restart goes on with what was written; a kill loses 2 s at most. Several processes learn
 * of each other's counts as they write: a quota can be exceeded by what the others admitted within 2 s.
 */
export class StoreLimitLedger implements LimitLedger {
  readonly #store: UsageStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #rules = new Map<string, Usage>();
  readonly #dirty = new Set<Entry>();
  readonly #flusher: ReturnType<typeof setInterval>;
  #flushing: Promise<void> = Promise.resolve();
  #sweptAt = 0;
  #storeIsAway = false;

  constructor(deps: { readonly store: UsageStore; readonly clock: Clock; readonly log: Log }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#flusher = setInterval(() => void this.flush(), FLUSH_MS);
    this.#flusher.unref();
  }

  /** Counts not written yet. */
  get unwritten(): number {
    return this.#dirty.size;
  }

  /** Reads what earlier processes counted in the present periods. */
  async load(quotas: readonly LimitRule[]): Promise<void> {
    const now = this.#clock.now();
    const byId = new Map(
      quotas.filter(({ algorithm }) => algorithm === "quota").map((rule) => [rule.id, rule]),
    );
    const starts = [periodOf("day", now).start, periodOf("month", now).start];
    let last: LimitUsage | undefined;
    do {
      const page = await this.#store.limitUsage([...byId.keys()], starts, last, PAGE);
      for (const usage of page) {
        const rule = byId.get(usage.ruleId);
        if (rule === undefined || rule.period !== usage.period) continue;
        const demand = { rule, subject: usage.subject, organizationId: usage.organizationId ?? undefined };
        this.#entry(demand).stored = usage.admitted;
      }
      last = page.length === PAGE ? page.at(-1) : undefined;
    } while (last !== undefined);
  }

  quotaWait(demand: LimitDemand): number {
    const entry = this.#entry(demand);
    if (entry.stored + entry.writing + entry.admitted < demand.rule.limit) return 0;
    return Math.max(1, entry.end - this.#clock.now());
  }

  quotaRoom(demand: LimitDemand): LimitRoom {
    const { rule } = demand;
    const entry = this.#entry(demand);
    const remaining = Math.max(0, rule.limit - entry.stored - entry.writing - entry.admitted);
    return { rule, remaining, returnsMs: entry.end - this.#clock.now() };
  }

  take(demand: LimitDemand): void {
    this.#count(demand, 1, 0);
  }
  giveBack(demand: LimitDemand): void {
    this.#count(demand, -1, 0);
  }
  note(demand: LimitDemand, admitted: boolean): void {
    this.#count(demand, admitted ? 1 : 0, admitted ? 0 : 1);
  }

  /** Forgets the present period of a subject, or of all of a rule's. */
  reset({ id }: Pick<LimitRule, "id">, subject?: string): void {
    const usage = this.#rules.get(id);
    if (usage === undefined) return;
    for (const [known, entry] of usage.entries) {
      if (subject !== undefined && known !== subject && entry.usage.subject !== subject) continue;
      this.#dirty.delete(entry);
      usage.entries.delete(known);
    }
    if (usage.others !== undefined && (subject === undefined || subject === OTHERS)) {
      this.#dirty.delete(usage.others);
      usage.others = undefined;
    }
  }

  /** Writes what was counted since; one at a time, so that nothing is written twice. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  async close(): Promise<void> {
    clearInterval(this.#flusher);
    await this.flush();
  }

  #count(demand: LimitDemand, admitted: number, refused: number): void {
    const entry = this.#entry(demand);
    entry.admitted += admitted;
    entry.refused += refused;
    if (entry.isDirty) return;
    entry.isDirty = true;
    this.#dirty.add(entry);
  }

  #entry({ rule, subject, organizationId }: LimitDemand): Entry {
    let usage = this.#rules.get(rule.id);
    if (usage === undefined) {
      usage = { entries: new Map(), others: undefined };
      this.#rules.set(rule.id, usage);
    }
    const now = this.#clock.now();
    const period = rule.period ?? "day";
    const known = usage.entries.get(subject);
    if (known !== undefined && isPresent(known, period, now)) return known;
    const most = rule.algorithm === "quota" ? QUOTA_SUBJECTS_MAX : SHOWN_SUBJECTS_MAX;
    if (subject === OTHERS || (known === undefined && usage.entries.size >= most)) {
      const { others } = usage;
      if (others !== undefined && isPresent(others, period, now)) return others;
      usage.others = newEntry({ rule, subject: OTHERS, organizationId: rule.organizationId }, now);
      return usage.others;
    }
    const entry = newEntry({ rule, subject, organizationId }, now);
    usage.entries.set(subject, entry);
    return entry;
  }

  async #write(): Promise<void> {
    this.#sweep();
    if (this.#dirty.size === 0) return;
    const batch = [...this.#dirty].map((entry) => {
      const { admitted, refused } = entry;
      entry.writing = admitted;
      entry.admitted = 0;
      entry.refused = 0;
      entry.isDirty = false;
      return { entry, delta: { ...entry.usage, admitted, refused } };
    });
    this.#dirty.clear();
    try {
      const totals = await this.#store.addLimitUsage(batch.map(({ delta }) => delta));
      const byKey = new Map(totals.map((usage) => [keyOf(usage), usage.admitted]));
      for (const { entry } of batch) {
        entry.stored = byKey.get(keyOf(entry.usage)) ?? entry.stored + entry.writing;
        entry.writing = 0;
      }
      this.#storeIsAway = false;
    } catch (cause) {
      for (const { entry, delta } of batch) {
        entry.admitted += delta.admitted;
        entry.refused += delta.refused;
        entry.writing = 0;
        entry.isDirty = true;
        this.#dirty.add(entry);
      }
      if (!this.#storeIsAway) this.#log.warn({ err: cause }, "usage of limits waits for the store");
      this.#storeIsAway = true;
    }
  }

  /** Hourly: periods that are over leave memory, and old ones the store. */
  #sweep(): void {
    const now = this.#clock.now();
    if (now - this.#sweptAt < HOUR_MS) return;
    this.#sweptAt = now;
    for (const [id, usage] of this.#rules) {
      const { entries } = usage;
      for (const [subject, entry] of entries) if (now >= entry.end) entries.delete(subject);
      if (usage.others !== undefined && now >= usage.others.end) usage.others = undefined;
      if (entries.size === 0 && usage.others === undefined) this.#rules.delete(id);
    }
    for (const period of ["day", "month"] as const) {
      this.#store.forgetLimitUsageBefore(period, now - KEPT_MS[period]).catch((cause: unknown) => {
        this.#log.warn({ err: cause }, "old usage of limits could not be removed");
      });
    }
  }
}

function isPresent({ end, usage }: Entry, period: QuotaPeriod, now: number): boolean {
  return now < end && usage.period === period;
}

function newEntry({ rule, subject, organizationId }: LimitDemand, now: number): Entry {
  const period = rule.period ?? "day";
  const { start, end } = periodOf(period, now);
  return {
    usage: {
      ruleId: rule.id,
      subject: writable(subject),
      period,
      periodStart: start,
      organizationId: organizationId ?? null,
    },
    end,
    stored: 0,
    admitted: 0,
    refused: 0,
    writing: 0,
    isDirty: false,
  };
}

function keyOf({ ruleId, periodStart, period, subject }: LimitDemandKey): string {
  return `${ruleId} ${periodStart} ${period} ${subject}`;
}
type LimitDemandKey = Pick<LimitUsage, "ruleId" | "periodStart" | "period" | "subject">;

function writable(subject: string): string {
  return subject.length <= SUBJECT_LENGTH_MAX ? subject : `sha256:${Bun.SHA256.hash(subject, "hex")}`;
}
