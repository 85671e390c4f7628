import type { LogPlace } from "../../model/ports/records.ts";
import type { AdminAnswer } from "../route.ts";
import { PAGE_ITEMS_MAX, type ReadLog } from "./log-page.ts";
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
 * taken: a slow reader holds neither memory nor a transaction.
 */
export function exported(wanted: LogExport): AdminAnswer {
  const { format, noun, at } = wanted;
  const time = new Date(at).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return {
    headers: { "content-disposition": `attachment; filename="${noun}-${time}.${format}"` },
    raw: {
      body: texts(wanted),
      contentType: format === "csv" ? "text/csv; charset=utf-8" : "application/jsonl",
    },
  };
}

async function* texts({ format, read, after: begin, limit, extended }: LogExport): AsyncGenerator<string> {
  const columns = [...Object.keys(logEntry.shape), ...(extended?.columns ?? [])];
  const line = (item: Item) =>
    format === "csv" ? csvLine(columns.map((column) => item[column])) : `${JSON.stringify(item)}\n`;
  let left = limit ?? Number.POSITIVE_INFINITY;
  if (format === "csv") yield csvLine(columns);
  for (let after = begin; left > 0; ) {
    const { items, last } = await read(after, Math.min(left, extended?.pageItems ?? PAGE_ITEMS_MAX));
    const page = extended === undefined ? items : await extended.extend(items);
    if (page.length > 0) yield page.map(line).join("");
    if (last === undefined) return;
    left -= items.length;
    after = last;
  }
}

function csvLine(values: readonly unknown[]): string {
  const cell = (value: unknown): string => {
    const text =
      value === null || value === undefined
        ? ""
        : typeof value === "object"
          ? JSON.stringify(value)
          : String(value);
    // A cell that begins like a formula is one to a spreadsheet; the quote keeps it text.
    const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return `${values.map(cell).join(",")}\r\n`;
}
