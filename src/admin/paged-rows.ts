import type { PageRequest } from "../model/ports/row.ts";

const PAGE_ROWS = 1_000;

/** Every row of a list behind a place, asked for a page at a time: who stops early asks for no further page. */
export async function* pages<T extends { readonly id: string }>(
  read: (page: PageRequest) => Promise<readonly T[]>,
  begin?: string,
): AsyncGenerator<T> {
  for (let after = begin; ; ) {
    const rows = await read({ limit: PAGE_ROWS, after });
    yield* rows;
    if (rows.length < PAGE_ROWS) return;
    after = rows.at(-1)?.id;
  }
}
