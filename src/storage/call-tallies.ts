import type { CallTally } from "../model/ports/records.ts";

/** Rows of an answer. */
const ROWS_MAX = 1_000;
/** Kinds of calls counted at once. With more, the most frequent half as many are kept; a rare one may be counted short, or not at all. */
export const KINDS_MAX = 20_000;

type Kind = Pick<CallTally, "serverName" | "target" | "method" | "status">;
interface Counted extends Kind {
  calls: number;
  durationMsSum: number;
  /** How many of them have a duration. */
  timed: number;
}

/** Sums of calls, from parts of a range. */
export class CallTallies {
  #byKind = new Map<string, Counted>();

  add(kind: Kind, calls: number, durationMsSum: number, timed: number): void {
    const { serverName, target, method, status } = kind;
    const key = JSON.stringify([serverName, target, method, status]);
    const known = this.#byKind.get(key);
    if (known === undefined) {
      this.#byKind.set(key, { serverName, target, method, status, calls, durationMsSum, timed });
      return;
    }
    known.calls += calls;
    known.durationMsSum += durationMsSum;
    known.timed += timed;
  }

  /** Between two parts. */
  bound(): void {
    if (this.#byKind.size <= KINDS_MAX) return;
    this.#byKind = new Map(this.#mostFrequent(KINDS_MAX / 2));
  }

  #mostFrequent(max: number): [string, Counted][] {
    return [...this.#byKind].sort(([, a], [, b]) => b.calls - a.calls).slice(0, max);
  }

  result(): CallTally[] {
    return this.#mostFrequent(ROWS_MAX).map(([, { durationMsSum, timed, ...tally }]) => ({
      ...tally,
      durationMsMean: timed === 0 ? null : durationMsSum / timed,
    }));
  }
}
