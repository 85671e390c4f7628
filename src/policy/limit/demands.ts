import type { LimitDimension, LimitRule } from "../../model/limit-rule.ts";
import { LIMIT_DIMENSIONS } from "../../model/limit-rule.ts";
import type { LimitDemand } from "../../model/ports/limiter.ts";
import type { Reading, SubjectReader } from "./subjects.ts";

/** Where the demands of the last callers are kept, by the part of the subject that varies. */
export interface KeptDemands {
  get(part: string): LimitDemand | undefined;
  set(part: string, demand: LimitDemand): void;
}

/** Keeps those of one rule; past the bound it forgets them all. */
export class ManyDemands implements KeptDemands {
  readonly #demands = new Map<string, LimitDemand>();
  readonly #demandsMax: number;

  constructor(demandsMax: number) {
    this.#demandsMax = demandsMax;
  }
  get(part: string): LimitDemand | undefined {
    return this.#demands.get(part);
  }
  set(part: string, demand: LimitDemand): void {
    if (this.#demands.size >= this.#demandsMax) this.#demands.clear();
    this.#demands.set(part, demand);
  }
}

/** Keeps the last one alone: of what a rule counts apart there are as many as tools, and each shall be small. */
export class LastDemand implements KeptDemands {
  #part: string | undefined;
  #demand: LimitDemand | undefined;

  get(part: string): LimitDemand | undefined {
    return part === this.#part ? this.#demand : undefined;
  }
  set(part: string, demand: LimitDemand): void {
    this.#part = part;
    this.#demand = demand;
  }
}

/**
 * What one rule asks, subject by subject. Callers come again: where one part of the subject at most varies (the rest is
 * the target's, say), demands are kept by it, and nothing is joined and hashed anew.
 */
export class Demands<X> {
  readonly #rule: LimitRule;
  readonly #isOfTenant: boolean;
  readonly #subject: (x: X) => string;
  /** Undefined where several parts vary. */
  readonly #part: ((x: X) => string) | undefined;
  readonly #kept: KeptDemands;

  constructor(rule: LimitRule, reader: SubjectReader<X>, kept: KeptDemands) {
    const readings = LIMIT_DIMENSIONS.filter((dimension) => rule.per.includes(dimension)).map(
      (dimension) => reader[dimension] as Reading<X>,
    );
    const varying = readings.filter(({ isConstant }) => isConstant !== true);
    this.#rule = rule;
    this.#isOfTenant = isOfTenant(rule);
    this.#subject = joined(readings);
    this.#part = varying.length > 1 ? undefined : joined(varying);
    this.#kept = kept;
  }

  /** @param organizationId whose `x` is; undefined before that is known */
  of(x: X, organizationId: string | undefined): LimitDemand {
    const owner = this.#isOfTenant ? organizationId : undefined;
    const part = this.#part?.(x);
    if (part === undefined) return this.#demand(x, owner);
    const known = this.#kept.get(part);
    if (known !== undefined && known.organizationId === owner) return known;
    const demand = this.#demand(x, owner);
    this.#kept.set(part, demand);
    return demand;
  }

  #demand(x: X, organizationId: string | undefined): LimitDemand {
    return { rule: this.#rule, subject: this.#subject(x), organizationId };
  }
}

/** Whether a rule's counts are each of one organisation: its own rule, or one that counts by something only one has. */
export function isOfTenant(rule: LimitRule): boolean {
  return rule.organizationId !== undefined || rule.per.some((dimension) => dimension !== "ip");
}

/** Whether it counts apart by what is called. */
export function countsByTarget({ per }: LimitRule): boolean {
  return per.some((dimension: LimitDimension) => dimension === "server" || dimension === "tool");
}

/** The separator is in no id and no address, and comes before a tool's name, which is last. */
function joined<X>(readings: readonly Reading<X>[]): (x: X) => string {
  const [first, second] = readings;
  if (first === undefined) return () => "";
  if (second === undefined) return first.subject;
  if (readings.length === 2) return (x) => `${first.subject(x)}|${second.subject(x)}`;
  return (x) => readings.map(({ subject }) => subject(x)).join("|");
}
