/** A piece of a list, newest first. */
export interface Step<P> {
  /** Older than this one. */
  readonly after: P | undefined;
  /** Not older than this one. */
  readonly oldest: P | undefined;
}

/**
 * A list in pieces that one statement gets through soon, each asked for when the one before is done.
 * @param rows of one piece; `undefined` makes one of the whole
 * @param placeAfter the place so many rows behind a place; `undefined` where there are fewer
 * @throws the reason of `late`, between two of them
 */
export async function* recordSteps<P>(
  rows: number | undefined,
  begin: P | undefined,
  placeAfter: (after: P | undefined, rows: number) => Promise<P | undefined>,
  late: AbortSignal,
): AsyncGenerator<Step<P>> {
  for (let after = begin; ; ) {
    late.throwIfAborted();
    const oldest = rows === undefined ? undefined : await placeAfter(after, rows);
    late.throwIfAborted();
    yield { after, oldest };
    if (oldest === undefined) return;
    after = oldest;
  }
}
