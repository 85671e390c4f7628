/** What a list of a catalog is read as: an array, or one with ranges of it replaced. */
export interface Sequence<T> extends Iterable<T> {
  readonly length: number;
  at(index: number): T | undefined;
}

/** Items that stand in the place of a range of a list. */
export interface Splice<T> {
  readonly start: number;
  readonly end: number;
  readonly items: readonly T[];
}
interface Run<T> {
  /** Index of its first item in the whole. */
  readonly at: number;
  readonly items: readonly T[];
  readonly from: number;
  readonly count: number;
}

/** A list with ranges of it replaced, without a copy of it: as large as the number of its splices. */
export class SplicedList<T> implements Sequence<T> {
  readonly original: readonly T[];
  /** By their place, none overlapping. */
  readonly splices: readonly Splice<T>[];
  readonly length: number;
  readonly #runs: readonly Run<T>[];

  constructor(original: readonly T[], splices: readonly Splice<T>[]) {
    this.original = original;
    this.splices = splices;
    const runs: Run<T>[] = [];
    let at = 0;
    const add = (items: readonly T[], from: number, count: number) => {
      if (count > 0) runs.push({ at, items, from, count });
      at += count;
    };
    let from = 0;
    for (const { start, end, items } of splices) {
      add(original, from, start - from);
      add(items, 0, items.length);
      from = end;
    }
    add(original, from, original.length - from);
    this.#runs = runs;
    this.length = at;
  }

  at(index: number): T | undefined {
    let [low, high] = [0, this.#runs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#runs[middle] as Run<T>).at <= index) low = middle + 1;
      else high = middle;
    }
    const run = this.#runs[low - 1];
    return run !== undefined && index - run.at < run.count ? run.items[run.from + index - run.at] : undefined;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const { items, from, count } of this.#runs)
      for (let at = from; at < from + count; at++) yield items[at] as T;
  }
}
