import type { PageRequest } from "../model/ports/row.ts";
import { cursorFault, pageAnswer, pageRequest, uuid } from "./fields.ts";

/** Of a cursor whose place is among the objects of the configuration file. */
const FILE = "file:";

interface Query {
  readonly limit: number;
  readonly cursor?: string | undefined;
}
interface Sources<M, T, V> {
  /** Of the configuration file, in its order. */
  readonly managed: readonly M[];
  readonly managedView: (one: M) => V;
  readonly read: (page: PageRequest) => Promise<readonly T[]>;
  readonly view: (row: T) => V;
}

/** A page of a list that begins with what the configuration file defines and goes on with what is stored. */
export async function pageWithManaged<
  M extends { readonly id: string },
  T extends { readonly id: string },
  V,
>(
  query: Query,
  { managed, managedView, read, view }: Sources<M, T, V>,
): Promise<{ readonly items: readonly V[]; readonly next_cursor: string | null }> {
  const { limit } = query;
  const from = placeOf(query, managed);
  if (from === undefined) return pageAnswer(await read(pageRequest(query)), limit, view);
  const shown = managed.slice(from, from + limit);
  const items = shown.map(managedView);
  const rest = limit - shown.length;
  const isCut = from + shown.length < managed.length;
  const rows = isCut ? [] : await read(pageRequest({ limit: rest }));
  const last = shown.at(-1);
  if (rest === 0 && last !== undefined) {
    const more = isCut || rows.length > 0;
    return { items, next_cursor: more ? Buffer.from(`${FILE}${last.id}`).toString("base64url") : null };
  }
  const page = pageAnswer(rows, rest, view);
  return { items: [...items, ...page.items], next_cursor: page.next_cursor };
}

/** Where to go on in what the file defines; `undefined` where that has been read. */
function placeOf({ cursor }: Query, managed: readonly { readonly id: string }[]): number | undefined {
  if (cursor === undefined) return 0;
  const text = Buffer.from(cursor, "base64url").toString("utf8");
  if (!text.startsWith(FILE)) return undefined;
  const after = text.slice(FILE.length);
  if (!uuid.safeParse(after).success) throw cursorFault();
  const at = managed.findIndex(({ id }) => id === after);
  // Taken out of the file since: nothing is shown twice.
  return at < 0 ? managed.length : at + 1;
}
