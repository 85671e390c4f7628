import type { LimitDimension, LimitRule } from "../../model/limit-rule.ts";
import { LIMIT_DIMENSIONS } from "../../model/limit-rule.ts";
import type { LimitDemand } from "../../model/ports/limiter.ts";
import type { Reading, SubjectReader } from "./subjects.ts";

/** Demands that several rules may keep together. */
export class DemandRoom {
  #left: number;

  constructor(demandsMax: number) {
    this.#left = demandsMax;
  }

  get isFull(): boolean {
    return this.#left <= 0;
  }
  take(): void {
    this.#left--;
  }
  giveBack(demands: number): void {
    this.#left += demands;
  }
}

/**
 * What one rule asks, subject by subject. Callers come again: where one part of the subject at most varies (the rest is
 * the target's, say), the demands of the last callers are kept by it, and nothing is joined and hashed anew.
 */
export class Demands<X> {
  readonly #rule: LimitRule;
  readonly #isOfTenant: boolean;
  readonly #subject: (x: X) => string;
  /** Undefined where several parts vary. */
  readonly #part: ((x: X) => string) | undefined;
  readonly #kept = new Map<string, LimitDemand>();
  readonly #room: DemandRoom;
  readonly #keptMax: number;

  /** @param keptMax of the room's, what is this rule's; past it, and where the room is full, it forgets all it kept */
  constructor(
    rule: LimitRule,
    reader: SubjectReader<X>,
    room: DemandRoom,
    keptMax = Number.POSITIVE_INFINITY,
  ) {
    const readings = LIMIT_DIMENSIONS.filter((dimension) => rule.per.includes(dimension)).map(
      (dimension) => reader[dimension] as Reading<X>,
    );
    const varying = readings.filter(({ isConstant }) => isConstant !== true);
    this.#rule = rule;
    this.#isOfTenant = isOfTenant(rule);
    this.#subject = joined(readings);
    this.#part = varying.length > 1 ? undefined : joined(varying);
    this.#room = room;
    this.#keptMax = keptMax;
  }

  /** @param organizationId whose `x` is; undefined before that is known */
  of(x: X, organizationId: string | undefined): LimitDemand {
    const owner = this.#isOfTenant ? organizationId : undefined;
    const part = this.#part?.(x);
    if (part === undefined) return this.#demand(x, owner);
    const known = this.#kept.get(part);
    if (known !== undefined && known.organizationId === owner) return known;
    const demand = this.#demand(x, owner);
    this.#keep(part, demand);
    return demand;
  }

  /** Gives its room back. */
  forget(): void {
    this.#room.giveBack(this.#kept.size);
    this.#kept.clear();
  }

  #keep(part: string, demand: LimitDemand): void {
    if (this.#room.isFull || this.#kept.size >= this.#keptMax) this.forget();
    if (this.#room.isFull) return;
    if (!this.#kept.has(part)) this.#room.take();
    this.#kept.set(part, demand);
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
