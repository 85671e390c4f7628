import type { LogPlace } from "../../model/ports/records.ts";
import type { AdminAnswer } from "../route.ts";
import { csvLine } from "./csv-line.ts";
import { type LogPage, PAGE_ITEMS_MAX, type ReadLog } from "./log-page.ts";
import { type LogEntry, logEntry } from "./log-view.ts";

type Item = Readonly<Record<string, unknown>>;

export interface LogExport {
  readonly format: "jsonl" | "csv";
  /** What is in it, for its file's name. */
  readonly noun: string;
  readonly at: number;
  readonly read: ReadLog;
  /** From where on; all of it where it is `undefined`. */
  readonly after: LogPlace | undefined;
  /** Items, of which an export without one has all that match. */
  readonly limit: number | undefined;
  /** Adds to each item of a page what is not in the page. */
  readonly extended?: {
    readonly columns: readonly string[];
    readonly pageItems: number;
    extend(items: readonly LogEntry[]): Promise<readonly Item[]>;
  };
}

/**
 * Everything that matches, newest first, as a file. Each page is a query of its own, asked for when the one before has been
 * taken: a slow reader holds one page and no transaction. What refuses the first refuses the export before it begins.
 */
export async function exported(wanted: LogExport): Promise<AdminAnswer> {
  const { format, noun, at } = wanted;
  const first = await pageAfter(wanted, wanted.after, wanted.limit ?? Number.POSITIVE_INFINITY);
  const time = new Date(at).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return {
    headers: { "content-disposition": `attachment; filename="${noun}-${time}.${format}"` },
    raw: {
      body: texts(wanted, first),
      contentType: format === "csv" ? "text/csv; charset=utf-8" : "application/jsonl",
    },
  };
}

function pageAfter(
  { read, extended }: LogExport,
  after: LogPlace | undefined,
  left: number,
): Promise<LogPage> {
  return read(after, Math.min(left, extended?.pageItems ?? PAGE_ITEMS_MAX));
}

async function* texts(wanted: LogExport, first: LogPage): AsyncGenerator<string> {
  const { format, limit, extended } = wanted;
  const columns = [...Object.keys(logEntry.shape), ...(extended?.columns ?? [])];
  const line = (item: Item) =>
    format === "csv" ? csvLine(columns.map((column) => item[column])) : `${JSON.stringify(item)}\n`;
  let left = limit ?? Number.POSITIVE_INFINITY;
  if (format === "csv") yield csvLine(columns);
  for (let { items, last } = first; ; ) {
    const page = extended === undefined ? items : await extended.extend(items);
    if (page.length > 0) yield page.map(line).join("");
    left -= items.length;
    if (last === undefined || left <= 0) return;
    ({ items, last } = await pageAfter(wanted, last, left));
  }
}
