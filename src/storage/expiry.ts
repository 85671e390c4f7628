const DAY_MS = 86_400_000;

interface Known {
  /** All older ones have expired. */
  readonly until: number;
  /** Before which time they were last looked at from the first on. */
  readonly since: number;
}

/** One table's rows of one organisation, by their time. */
export interface ExpiringRows<Row extends { readonly at: number }> {
  /** The time of the row so many places from `from` on, among those before `before`; `undefined` where there are fewer. */
  timeAfter(from: number, before: number, rows: number): Promise<number | undefined>;
  /** The oldest that have not expired, from a time on and before another. */
  kept(from: number, before: number, limit: number): Promise<readonly Row[]>;
  /** Returns how many it emptied. */
  empty(rows: readonly Row[]): Promise<number>;
}

/**
 * Empties the oldest of a table. What has expired stays as links, a year's of it, so where it ends is remembered; once a day
 * all of it is looked at again, for what the journal delivered late. In steps, each a short statement.
 */
export class Expiry {
  readonly #stepRows: number;
  readonly #known = new Map<string, Known>();

  constructor(stepRows: number) {
    this.#stepRows = stepRows;
  }

  /**
   * @param whose rows these are
   * @param before what is older has expired
   * @param limit of the rows looked for; `empty` may take others along that belong to the last of them
   * @returns how many were emptied
   */
  async run<Row extends { readonly at: number }>(
    whose: string,
    before: number,
    limit: number,
    rows: ExpiringRows<Row>,
  ): Promise<number> {
    const known = this.#known.get(whose);
    const isRecent = known !== undefined && before - known.since < DAY_MS;
    const since = isRecent ? known.since : before;
    const oldest: Row[] = [];
    let until = before;
    for (let from = isRecent ? known.until : 0; ; ) {
      const last = await rows.timeAfter(from, before, this.#stepRows);
      const end = last === undefined ? before : last + 1;
      oldest.push(...(await rows.kept(from, end, limit - oldest.length)));
      if (oldest.length >= limit) until = oldest.at(-1)?.at ?? before;
      if (oldest.length >= limit || last === undefined) break;
      from = end;
    }
    const count = oldest.length === 0 ? 0 : await rows.empty(oldest);
    this.#known.set(whose, { until: isRecent ? Math.max(until, known.until) : until, since });
    return count;
  }
}
